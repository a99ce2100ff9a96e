"""A head holds what was fitted, and the threshold for the precision that was asked for."""

import numpy as np
import pytest

from jobs.heads import Head, decode_head
from jobs.manifest import Model
from jobs.spec import EmbedSpec
from producer.errors import UserError
from producer.fitting import regression
from producer.fitting.logits import Floats, softmax
from producer.fitting.make_head import Wanted, make_head
from producer.fitting.scorecard import score
from tests.producer.fitting.test_regression import blobs

MODEL = Model(alias="tiny", fingerprint="f" * 16)
NAMES = ["card", "bill", "app"]


def fit(spread: float, precision: float | None = None, rows_each: int = 40) -> Head:
    vectors, targets = blobs(3, rows_each, spread)
    wanted = Wanted(MODEL, "models/tiny", EmbedSpec(pool="mean", layer=8), 4, precision, {"twice": 2})
    return make_head(vectors, [NAMES[target] for target in targets], wanted)


def logits_of(head: Head, vectors: regression.Vectors) -> Floats:
    weight = np.frombuffer(head.weight, "<f4").reshape(len(head.card.labels), -1).astype(np.float64)
    logits: Floats = vectors @ weight.T + np.frombuffer(head.bias, "<f4")
    return logits


@pytest.mark.parametrize("num_labels", [2, 3])
def test_what_is_saved_labels_as_what_was_fitted(num_labels: int) -> None:
    vectors, targets = blobs(num_labels, 20, spread=1.0)
    names = sorted(NAMES)[:num_labels]
    wanted = Wanted(MODEL, "models/tiny", EmbedSpec(), 4, None, {})
    head = make_head(vectors, [names[target] for target in targets], wanted)
    theirs = softmax(regression.fit(vectors, targets, 4).affine.logits(vectors))
    assert softmax(logits_of(head, vectors)) == pytest.approx(theirs, abs=1e-3)


def test_a_head_says_where_it_belongs_and_how_it_did() -> None:
    card = fit(spread=0.1).card
    assert card.labels == ("app", "bill", "card")
    assert (card.model.fingerprint, card.vectors.layer, card.num_features, card.rows) == ("f" * 16, 8, 8, 120)
    assert card.loaded_as == "models/tiny"
    assert card.left_out == {"twice": 2}
    assert card.held_out.accuracy == 1
    assert [each.support for each in card.held_out.labels] == [40] * 3
    assert (card.precision, card.abstain_below) == (None, None)
    assert {"scikit-learn", "bydawn"} <= set(card.versions)


def test_labels_below_the_threshold_left_out_the_precision_is_what_was_asked() -> None:
    head = fit(spread=1.5, precision=0.95, rows_each=200)
    assert head.card.held_out.accuracy < 0.95
    assert head.card.abstain_below is not None
    unseen, targets = blobs(3, 400, spread=1.5, seed=1)
    probabilities = softmax(logits_of(head, unseen))
    kept = probabilities.max(axis=1) >= head.card.abstain_below
    right = np.array([head.card.labels.index(NAMES[target]) for target in targets])
    assert 0.1 < kept.mean() < 0.95
    assert score(head.card.labels, probabilities[kept], right[kept]).accuracy == pytest.approx(0.95, abs=0.03)


def test_a_precision_that_cannot_be_had_is_refused_with_what_there_is() -> None:
    with pytest.raises(UserError, match=r"precision of 1 on held-out rows: 0\.\d+ of all are right"):
        fit(spread=30.0, precision=1.0)


def test_a_head_survives_its_files() -> None:
    head = fit(spread=1.0)
    assert decode_head(head.card_bytes, head.weights_bytes) == head
