"""Figures of held-out rows, counted by hand."""

import numpy as np
import pytest

from producer.fitting.scorecard import coverage, score, threshold


def test_a_scorecard_counts_what_is_right_by_label() -> None:
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.3, 0.7]])
    card = score(["a", "b"], probabilities, np.array([0, 1, 1, 1]))
    a, b = card.labels
    assert (a.precision, a.recall, a.support) == (0.5, 1.0, 1)
    assert (b.precision, b.support) == (1.0, 3)
    assert b.recall == pytest.approx(2 / 3)
    assert (card.rows, card.accuracy) == (4, 0.75)
    assert card.macro_f1 == pytest.approx((2 / 3 + 0.8) / 2)
    assert card.log_loss == pytest.approx(-np.log([0.9, 0.4, 0.8, 0.7]).mean())


def test_a_label_that_is_never_guessed_and_one_that_never_comes_score_zero() -> None:
    card = score(["a", "b", "c"], np.array([[0.9, 0.1, 0.0]]), np.array([1]))
    assert [(each.label, each.precision, each.recall, each.f1) for each in card.labels] == [
        ("a", 0, 0, 0),
        ("b", 0, 0, 0),
    ]
    assert card.calibration_error == pytest.approx(0.9)
    assert card.accuracy == 0


def test_a_threshold_is_the_least_confidence_that_gives_the_precision() -> None:
    confidences = np.linspace(1.0, 0.01, 100)
    right = np.arange(100) < 90  # the 90 surest
    assert threshold(confidences, right, 1.0) == pytest.approx(confidences[89])
    assert threshold(confidences, right, 0.95) == pytest.approx(confidences[93])  # 90 of 94
    assert coverage(confidences, right, 0.95) == pytest.approx(0.94)
    assert threshold(confidences, right, 0.9) == pytest.approx(confidences[-1])


def test_rows_of_one_confidence_pass_together_or_not_at_all() -> None:
    confidences = np.repeat([0.9, 0.5], [30, 30])
    right = np.concatenate([np.ones(30), np.arange(30) < 15]).astype(bool)
    assert threshold(confidences, right, 0.95) == 0.9, "not among the equals at 0.5, of which half are wrong"


def test_a_precision_that_few_rows_have_by_luck_has_no_threshold() -> None:
    confidences = np.linspace(1.0, 0.5, 100)
    right = np.arange(100) < 19
    assert threshold(confidences, right, 0.99) is None
    assert coverage(confidences, right, 0.99) == 0
