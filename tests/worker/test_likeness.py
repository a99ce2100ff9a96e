"""What a label gains from its examples."""

import pytest

from worker.likeness import WEIGHT, Likeness

EXAMPLES = [(1.0, 0.0, 5.0), (0.0, 1.0, 5.0), (0.9, 0.4, 5.0)]


def test_a_label_gains_by_its_nearest_example_alone() -> None:
    likeness = Likeness(EXAMPLES, [0, 1, 1], 2)
    assert likeness.bonuses(EXAMPLES[0])[0] == pytest.approx(WEIGHT)
    assert likeness.bonuses(EXAMPLES[2])[1] == pytest.approx(WEIGHT)
    assert likeness.bonuses(EXAMPLES[2])[0] < WEIGHT


def test_a_label_without_examples_gains_nothing() -> None:
    assert Likeness(EXAMPLES, [0, 2, 2], 3).bonuses((1.0, 0.0, 5.0))[1] == 0


def test_a_single_example_makes_no_label_likelier_without_bounds() -> None:
    assert all(abs(bonus) <= WEIGHT * 1.001 for bonus in Likeness([(1.0, 2.0)], [0], 2).bonuses((3.0, -1.0)))
