"""A head's two files: what was written is read, and what isn't a head is refused by name."""

import json
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from jobs.heads import Head, HeadError, decode_head, encode_head
from jobs.heads.files import MAX_CARD_BYTES, MAX_WEIGHTS_BYTES
from tests.heads import card_of, head_of, weights_of

SQUARE = ((1.0, 2.0), (3.0, 4.0))


def test_a_head_is_read_as_it_was_written() -> None:
    written = head_of(SQUARE, (0.5, -0.5), abstain_below=0.7, precision=0.9, left_out={"twice": 3})
    read = decode_head(written.card_bytes, written.weights_bytes)
    assert read == written
    assert np.frombuffer(read.weight, "<f4").tolist() == [1, 2, 3, 4], "by rows"
    assert np.frombuffer(read.bias, "<f4").tolist() == [0.5, -0.5]


def test_heads_with_other_weights_have_another_hash() -> None:
    assert head_of(SQUARE).sha256 != head_of(((1.0, 2.0), (3.0, 4.5))).sha256


def _with_weights(weights: bytes) -> Callable[[], Head]:
    return lambda: encode_head(card_of(), weights)


def _with_card(**more: Any) -> Callable[[], Head]:
    def read() -> Head:
        head = head_of()
        card = json.loads(head.card_bytes) | more
        return decode_head(json.dumps(card).encode(), head.weights_bytes)

    return read


def _claiming(header: dict[str, Any], body: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def _tensor(start: int, end: int) -> dict[str, Any]:
    return {"dtype": "F32", "shape": [2, 2], "data_offsets": [start, end]}


REFUSED: dict[str, tuple[Callable[[], Head], str]] = {
    "another shape": (
        _with_weights(weights_of([[1, 2, 3], [4, 5, 6]], [0, 0])),
        r"\[2, 3\].*must be F32 \[2, 2\]",
    ),
    "a flat weight": (_with_weights(weights_of([1, 2, 3, 4], [0, 0])), "weight is F32"),
    "another length of bias": (_with_weights(weights_of(SQUARE, [0, 0, 0])), "bias is F32"),
    "another dtype": (_with_weights(weights_of(SQUARE, [0, 0], "<f8")), "F64"),
    "no number": (_with_weights(weights_of([[1, float("nan")], [0, 0]], [0, 0])), "not finite"),
    "an infinite bias": (_with_weights(weights_of(SQUARE, [0, float("-inf")])), "not finite"),
    "no safetensors": (_with_weights(b"\x80\x04pickle"), "not safetensors"),
    "nothing": (_with_weights(b""), "not safetensors"),
    "a header as long as the sky": (_with_weights(struct.pack("<Q", 1 << 62) + b"{}"), "not safetensors"),
    "offsets outside the file": (
        _with_weights(_claiming({"weight": _tensor(0, 16), "bias": _tensor(1 << 40, (1 << 40) + 8)})),
        "not safetensors",
    ),
    "a third tensor": (
        _with_weights(
            _claiming({name: {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for name in "ab"})
        ),
        "must hold a weight and a bias",
    ),
    "too large": (_with_weights(bytes(MAX_WEIGHTS_BYTES + 1)), "67,108,865 bytes"),
    "more labels than weights": (_with_card(labels=["a", "b", "c"]), r"must be F32 \[3, 2\]"),
    "one label": (_with_card(labels=["a"]), "labels"),
    "a label twice": (_with_card(labels=["a", "a"]), "given twice"),
    "labels that read alike": (
        _with_card(labels=["bug", "BUG "]),
        "labels: the labels 'bug' and 'BUG ' read alike",
    ),
    "a label that moves the cursor": (_with_card(labels=["a", "b\x1b[2J"]), "labels.1: .*U\\+001B"),
    "an empty label": (_with_card(labels=["a", ""]), "labels"),
    "no vector at all": (_with_card(num_features=0), "num_features"),
    "a pool that there is none of": (_with_card(vectors={"pool": "../../etc"}), "vectors.pool"),
    "a model that is a path": (_with_card(model={"alias": "../x", "fingerprint": "f"}), "alias"),
    "a field of somebody else's": (_with_card(run="rm -rf /"), "run"),
    "another version's": (_with_card(format=2), "format 2"),
    "other weights than the card's": (_with_card(weights_sha256="1" * 64), "not the one"),
    "no card": (lambda: decode_head(b"[]", b""), "not a head's"),
    "no JSON": (lambda: decode_head(b"\x00", b""), "not JSON"),
    "a card that is too deep": (lambda: decode_head(b"[" * 100_000, b""), "not JSON"),
    "a card that is too large": (lambda: decode_head(b" " * (MAX_CARD_BYTES + 1), b""), "4,194,305 bytes"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_head_is_refused_and_the_file_is_named(case: str) -> None:
    read, told = REFUSED[case]
    with pytest.raises(HeadError, match=told) as error:
        read()
    assert "head.json" in str(error.value) or "head.safetensors" in str(error.value)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_a_card_has_finite_numbers(number: str) -> None:
    head = head_of()
    card = head.card_bytes.replace(b'"temperature": 1.0', f'"temperature": {number}'.encode())
    assert card != head.card_bytes
    with pytest.raises(HeadError, match=r"head\.json"):
        decode_head(card, head.weights_bytes)


def test_what_a_card_must_not_be_is_told_in_our_words() -> None:
    card = card_of().model_dump_json().replace('"labels":["billing","bug"]', '"labels":["bug","bug"]')
    with pytest.raises(HeadError, match=r"labels: the label 'bug' is given twice"):
        decode_head(card.encode(), b"")
