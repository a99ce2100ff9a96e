"""Pictures are PNGs of a size that can be looked at, whatever the labels are called."""

import struct

import pytest

from producer.evaluation.calibration import calibration
from producer.evaluation.classification import Confusion, classification
from producer.evaluation.picture import DARK, LIGHT, calibration_picture, confusion_picture, most_mistaken


def _size_pixels(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


@pytest.mark.parametrize("labels", [["a"], ["a", "b"], ["$x_$", "\x1b[2J", "日本", "l" * 500, "two\nlines"]])
def test_whatever_labels_are_called_there_is_a_picture(labels: list[str]) -> None:
    confusion = classification(labels, [*labels[1:], None]).confusion
    assert min(_size_pixels(confusion_picture(confusion, LIGHT))) > 200


def test_of_many_labels_the_most_mistaken_are_drawn_in_their_order() -> None:
    # Labels 40 to 49 are taken for 50, the others are right.
    labels = tuple(f"label {number:02}" for number in range(100))
    given = [50 if 40 <= number < 50 else number for number in range(100)]
    confusion = Confusion(labels, tuple(tuple(int(g == at) for at in range(101)) for g in given))
    counts, shown = most_mistaken(confusion, at_most=20)
    assert counts.shape == (20, 21)
    assert set(shown) >= set(labels[40:51])
    assert shown == sorted(shown)
    assert most_mistaken(confusion, at_most=100)[1] == list(labels)
    assert max(_size_pixels(confusion_picture(confusion, LIGHT))) <= 2400


def test_a_dark_page_gets_another_picture() -> None:
    found = calibration([0.2, 0.9, 0.95], [False, True, True])
    light, dark = calibration_picture(found, LIGHT), calibration_picture(found, DARK)
    assert _size_pixels(light) == _size_pixels(dark)
    assert light != dark
