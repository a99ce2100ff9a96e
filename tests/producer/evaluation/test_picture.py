"""Pictures are PNGs of a size that can be looked at, whatever the labels are called."""

import struct

import pytest

from producer.evaluation.calibration import calibration
from producer.evaluation.classification import Confusion, classification
from producer.evaluation.picture import DARK, LIGHT, calibration_picture, confusion_picture


def _size_pixels(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


@pytest.mark.parametrize("labels", [["a"], ["a", "b"], ["$x_", "\x1b[2J", "日本", "l" * 500, "two\nlines"]])
def test_whatever_labels_are_called_there_is_a_picture(labels: list[str]) -> None:
    confusion = classification(labels, [*labels[1:], None]).confusion
    assert min(_size_pixels(confusion_picture(confusion, LIGHT))) > 200


def test_of_hundreds_of_labels_the_most_mistaken_are_drawn() -> None:
    labels = tuple(f"label {number}" for number in range(200))
    counts = tuple(tuple(int(row == column) for column in range(201)) for row in range(200))
    size = _size_pixels(confusion_picture(Confusion(labels, counts), LIGHT))
    assert max(size) <= 2400


def test_a_dark_page_gets_another_picture() -> None:
    found = calibration([0.2, 0.9, 0.95], [False, True, True])
    light, dark = calibration_picture(found, LIGHT), calibration_picture(found, DARK)
    assert _size_pixels(light) == _size_pixels(dark)
    assert light != dark
