"""Logistic regression on standardised vectors, its strength and temperature by cross-validation."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from producer.fitting.logits import Floats, Indices, best_temperature, cross_fitted, log_loss, softmax

Vectors = NDArray[np.float32]

STRENGTHS = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
_SEED = 0
_MAX_ITERATIONS = 500
_TOLERANCE = 1e-4


@dataclass(frozen=True, slots=True)
class Affine:
    """Logits are `vectors @ weight.T + bias`: `weight` [labels, features], `bias` [labels]."""

    weight: Floats
    bias: Floats

    def logits(self, vectors: Vectors) -> Floats:
        """[rows, labels]"""
        product: Floats = vectors @ self.weight.T + self.bias
        return product

    def cooled(self, temperature: float) -> "Affine":
        return Affine(self.weight / temperature, self.bias / temperature)


@dataclass(frozen=True, slots=True)
class Regression:
    """What was fitted on all rows, and what the folds, each fitted without it, thought of every row."""

    affine: Affine
    strength: float
    temperature: float
    held_out: Floats
    """Probabilities [rows, labels]."""


def fit(vectors: Vectors, targets: Indices, folds: int) -> Regression:
    """`targets` [rows] count labels from 0, each with `folds` rows or more."""
    from threadpoolctl import threadpool_limits

    # One thread: these products are small, and threads that wait for each other on a busy machine made
    # them a hundred times slower (measured).
    with threadpool_limits(1):
        fold_of = _fold_of(targets, folds)
        by_strength = _held_out_logits(vectors, targets, fold_of)
        strength = min(by_strength, key=lambda each: log_loss(by_strength[each], targets))
        logits = by_strength[strength]
        *_, (_, affine) = Path(vectors, targets).walked(last=strength)
        cooled = cross_fitted(logits, targets, fold_of)
        if log_loss(cooled, targets) >= log_loss(logits, targets):  # a temperature does no good here
            return Regression(affine, strength, 1.0, softmax(logits))
        temperature = best_temperature(logits, targets)
        return Regression(affine.cooled(temperature), strength, temperature, softmax(cooled))


class Path:
    """Fits of growing strength on the same rows, each from where the one before ended.

    The way matters, for the fits stop short of their optimum: one that starts at the last strength ends
    surer of itself than the folds, which came all the way, and less often right (measured).
    """

    def __init__(self, vectors: Vectors, targets: Indices) -> None:
        from sklearn.linear_model import LogisticRegression
        from sklearn.preprocessing import StandardScaler

        self._scaler: Any = StandardScaler().fit(vectors.astype(np.float64))
        self._features = self._scaler.transform(vectors)
        self._targets = targets
        self._model: Any = LogisticRegression(max_iter=_MAX_ITERATIONS, tol=_TOLERANCE, warm_start=True)

    def walked(self, last: float = STRENGTHS[-1]) -> Iterator[tuple[float, Affine]]:
        """Each strength with its fit, up to the last one."""
        for strength in STRENGTHS:
            if strength <= last:
                yield strength, self.fitted(strength)

    def fitted(self, strength: float) -> Affine:
        """From where the model is now; standardising is folded into the weights."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # not all of the way to the optimum is a fit, too
            self._model.set_params(C=strength).fit(self._features, self._targets)
        weight, bias = _per_label(self._model.coef_, self._model.intercept_)
        weight = weight / self._scaler.scale_
        return Affine(weight, bias - weight @ self._scaler.mean_)


def _held_out_logits(vectors: Vectors, targets: Indices, fold_of: Indices) -> dict[float, Floats]:
    num_labels = int(targets.max()) + 1
    logits = {strength: np.empty((len(targets), num_labels)) for strength in STRENGTHS}
    for fold in np.unique(fold_of):
        own = fold_of == fold
        for strength, affine in Path(vectors[~own], targets[~own]).walked():
            logits[strength][own] = affine.logits(vectors[own])
    return logits


def _fold_of(targets: Indices, folds: int) -> Indices:
    """Each row's fold; every label has its share in each."""
    from sklearn.model_selection import StratifiedKFold

    fold_of = np.empty(len(targets), np.intp)
    splitter = StratifiedKFold(folds, shuffle=True, random_state=_SEED)
    for number, (_, own) in enumerate(splitter.split(targets, targets)):
        fold_of[own] = number
    return fold_of


def _per_label(weight: Floats, bias: Floats) -> tuple[Floats, Floats]:
    """Of two labels scikit-learn has one row, for the second; the first one's logit is then 0."""
    if len(weight) > 1:
        return weight, bias
    return np.concatenate([np.zeros_like(weight), weight]), np.concatenate([np.zeros_like(bias), bias])
