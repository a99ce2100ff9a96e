"""Heads that are ready to use."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from safetensors.numpy import save

from jobs.heads import Head, HeadCard, LabelScore, Scorecard, encode_head
from jobs.manifest import Model
from jobs.spec import ClassifySpec, EmbedSpec, HeadRef, Label
from tests.worker.fakes import FINGERPRINT


def head_of(
    weight: Sequence[Sequence[float]] = ((1.0, 0.0), (0.0, 1.0)),
    bias: Sequence[float] = (0.0, 0.0),
    labels: tuple[str, ...] = ("billing", "bug"),
    **more: Any,
) -> Head:
    """One with these weights, a row a label."""
    card = card_of(labels=labels, num_features=len(weight[0]), **more)
    return encode_head(card, weights_of(weight, bias))


def weights_of(weight: Any, bias: Any, dtype: str = "<f4") -> bytes:
    tensors = {"weight": np.array(weight, dtype), "bias": np.array(bias, dtype)}
    return bytes(save(tensors))


def card_of(**more: Any) -> HeadCard:
    labels: tuple[str, ...] = more.get("labels", ("billing", "bug"))
    scores = tuple(LabelScore(label=each, precision=1, recall=1, f1=1, support=5) for each in labels)
    held_out = Scorecard(
        rows=10, accuracy=1, macro_f1=1, log_loss=0, calibration_error=0, coverage={"0.9": 1}, labels=scores
    )
    given = {
        "model": Model(alias="tiny", fingerprint=FINGERPRINT),
        "loaded_as": "tiny",
        "vectors": EmbedSpec(pool="mean", layer=1),
        "labels": labels,
        "num_features": 2,
        "weights_sha256": "0" * 64,
        "rows": 10,
        "strength": 0.1,
        "temperature": 1.0,
        "folds": 5,
        "held_out": held_out,
        "versions": {"scikit-learn": "1.9.1"},
        "created_at": datetime(2026, 1, 1, tzinfo=UTC),
    }
    return HeadCard.model_validate(given | more)


def spec_of(head: Head, **more: Any) -> ClassifySpec:
    labels = tuple(Label(name=name) for name in head.card.labels)
    return ClassifySpec(labels=labels, head=HeadRef(sha256=head.sha256), **more)
