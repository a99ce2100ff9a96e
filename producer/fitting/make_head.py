"""From vectors and labels to a head, and how it did on rows that it was not fitted on."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version

import numpy as np

from jobs.heads import Head, HeadCard, Scorecard, encode_head
from jobs.manifest import Model
from jobs.spec import EmbedSpec
from producer.errors import UserError
from producer.fitting import regression
from producer.fitting.logits import Indices
from producer.fitting.regression import Regression, Vectors
from producer.fitting.scorecard import score, threshold


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of a head."""

    model: Model
    loaded_as: str
    vectors: EmbedSpec
    folds: int
    precision: float | None
    left_out: dict[str, int]


def make_head(vectors: Vectors, labels: Sequence[str], wanted: Wanted) -> Head:
    """Fit a head on `vectors` [rows, features]; raises UserError if no confidence gives the precision."""
    names = tuple(sorted(set(labels)))
    places = {name: place for place, name in enumerate(names)}
    targets: Indices = np.array([places[label] for label in labels], np.intp)
    fitted = regression.fit(vectors, targets, wanted.folds)
    held_out = score(names, fitted.held_out, targets)
    card = HeadCard(
        model=wanted.model,
        loaded_as=wanted.loaded_as,
        vectors=wanted.vectors,
        labels=names,
        num_features=vectors.shape[1],
        weights_sha256="0" * 64,
        rows=len(targets),
        left_out=wanted.left_out,
        strength=fitted.strength,
        temperature=fitted.temperature,
        precision=wanted.precision,
        abstain_below=_abstain_below(fitted, targets, wanted.precision, held_out),
        folds=wanted.folds,
        held_out=held_out,
        versions={name: version(name) for name in ("bydawn", "numpy", "scikit-learn")},
        created_at=datetime.now(UTC),
    )
    return encode_head(card, _weights_bytes(fitted))


def _abstain_below(
    fitted: Regression, targets: Indices, precision: float | None, held_out: Scorecard
) -> float | None:
    if precision is None:
        return None
    confidences = fitted.held_out.max(axis=1)
    least = threshold(confidences, fitted.held_out.argmax(axis=1) == targets, precision)
    if least is None:
        raise UserError(
            f"no confidence gives a precision of {precision:g} on held-out rows: {held_out.accuracy:.3f} of "
            "all are right; ask for less, or label more rows"
        )
    return max(math.floor(least * 1e6), 1) / 1e6  # as results round confidences


def _weights_bytes(fitted: Regression) -> bytes:
    from safetensors.numpy import save

    # By rows: scikit-learn's lie by columns, and safetensors writes memory as it lies.
    tensors = {"weight": fitted.affine.weight, "bias": fitted.affine.bias}
    return save({name: np.ascontiguousarray(each, np.float32) for name, each in tensors.items()})
