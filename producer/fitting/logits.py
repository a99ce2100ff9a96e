"""Logits as probabilities: softmax, their log loss, and the temperature that makes them honest."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
Flags = NDArray[np.bool_]

_MAX_LOG_TEMPERATURE = 3.0


def softmax(logits: Floats) -> Floats:
    """[rows, labels] to the same."""
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: Floats = weights / weights.sum(axis=1, keepdims=True)
    return probabilities


def log_loss(logits: Floats, targets: Indices) -> float:
    """Mean negative log-probability of the right labels."""
    tops = logits.max(axis=1)
    totals = tops + np.log(np.exp(logits - tops[:, None]).sum(axis=1))
    return float(np.mean(totals - logits[np.arange(len(logits)), targets]))


def best_temperature(logits: Floats, targets: Indices) -> float:
    """What to divide logits by for the least log loss (Guo et al. 2017, arXiv 1706.04599)."""
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(
        lambda log_t: log_loss(logits / np.exp(log_t), targets),
        bounds=(-_MAX_LOG_TEMPERATURE, _MAX_LOG_TEMPERATURE),
        method="bounded",
    )
    return float(np.exp(found.x))


def cross_fitted(logits: Floats, targets: Indices, fold_of: Indices) -> Floats:
    """Logits divided by the temperature that suits all folds but their own."""
    divided = np.empty_like(logits)
    for fold in np.unique(fold_of):
        own = fold_of == fold
        divided[own] = logits[own] / best_temperature(logits[~own], targets[~own])
    return divided
