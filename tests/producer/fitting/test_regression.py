"""What is fitted on vectors: it separates what can be separated, and says how sure it may be."""

import numpy as np
import pytest

from producer.fitting import regression
from producer.fitting.logits import Indices, best_temperature, log_loss, softmax
from producer.fitting.regression import Vectors


def blobs(num_labels: int, rows_each: int, spread: float, seed: int = 0) -> tuple[Vectors, Indices]:
    """Labels around points of their own, in dimensions of very different scale and away from the origin."""
    random = np.random.default_rng(seed)
    targets = np.repeat(np.arange(num_labels), rows_each)
    points = np.random.default_rng(7).normal(size=(num_labels, 8))
    vectors = points[targets] + spread * random.normal(size=(len(targets), 8))
    return ((vectors + 9.0) * 10.0 ** np.arange(-3, 5)).astype(np.float32), targets


@pytest.mark.parametrize("num_labels", [2, 5])
def test_labels_that_lie_apart_are_told_apart_on_unseen_rows(num_labels: int) -> None:
    vectors, targets = blobs(num_labels, 20, spread=0.1)
    fitted = regression.fit(vectors, targets, folds=5)
    unseen, right = blobs(num_labels, 20, spread=0.1, seed=1)
    assert fitted.affine.weight.shape == (num_labels, 8)
    assert (fitted.affine.logits(unseen).argmax(axis=1) == right).all()
    assert (fitted.held_out.argmax(axis=1) == targets).all()
    assert fitted.held_out.sum(axis=1) == pytest.approx(1)


def test_the_affine_map_is_the_scaler_and_the_regression_in_one() -> None:
    vectors, targets = blobs(3, 20, spread=1.0)
    path = regression.Path(vectors, targets)
    affine = path.fitted(0.1)
    theirs = path._model.predict_proba(path._features)
    assert softmax(affine.logits(vectors)) == pytest.approx(theirs, abs=1e-5)


def test_of_two_labels_the_probabilities_are_the_sigmoids() -> None:
    vectors, targets = blobs(2, 20, spread=1.0)
    path = regression.Path(vectors, targets)
    assert softmax(path.fitted(0.1).logits(vectors)) == pytest.approx(
        path._model.predict_proba(path._features), abs=1e-5
    )


def test_held_out_rows_are_judged_by_folds_that_have_not_seen_them() -> None:
    random = np.random.default_rng(3)
    vectors = random.normal(size=(60, 200)).astype(
        np.float32
    )  # enough dimensions to learn any labels by heart
    targets = np.tile([0, 1], 30)
    fitted = regression.fit(vectors, targets, folds=5)
    seen = (fitted.affine.logits(vectors).argmax(axis=1) == targets).mean()
    held_out = (fitted.held_out.argmax(axis=1) == targets).mean()
    assert seen > 0.95
    assert held_out < 0.7


def test_the_last_fit_goes_the_way_that_its_folds_went() -> None:
    vectors, targets = blobs(3, 30, spread=1.0)
    *_, (strength, affine) = regression.Path(vectors, targets).walked(last=0.1)
    whole = dict(regression.Path(vectors, targets).walked())
    assert strength == 0.1
    assert (affine.weight == whole[0.1].weight).all(), (
        "bit by bit, so that it is as sure of itself as they are"
    )
    fitted = regression.fit(vectors, targets, folds=5)
    assert (fitted.affine.weight * fitted.temperature) == pytest.approx(whole[fitted.strength].weight)


def test_the_same_rows_give_the_same_head() -> None:
    vectors, targets = blobs(3, 20, spread=1.0)
    first, again = (regression.fit(vectors, targets, folds=4) for _ in range(2))
    assert (first.affine.weight == again.affine.weight).all()
    assert (first.strength, first.temperature) == (again.strength, again.temperature)


@pytest.mark.parametrize("too_sure_by", [0.25, 4.0])
def test_a_temperature_undoes_what_makes_logits_too_sure_or_too_shy(too_sure_by: float) -> None:
    random = np.random.default_rng(5)
    honest = random.normal(size=(4000, 3)) * 2
    targets = np.array([random.choice(3, p=p) for p in softmax(honest)])
    assert best_temperature(honest * too_sure_by, targets) == pytest.approx(too_sure_by, rel=0.1)


def test_the_log_loss_of_logits_is_that_of_their_probabilities() -> None:
    logits = np.array([[1.0, 2.0], [1000.0, -1000.0]])
    assert log_loss(logits[:1], np.array([0])) == pytest.approx(-np.log(softmax(logits)[0, 0]))
    assert log_loss(logits[1:], np.array([1])) == pytest.approx(2000.0)
