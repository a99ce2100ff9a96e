"""A head as two files, `head.json` and `head.safetensors`: written here, and read with every doubt."""

import hashlib
import json
import sys
from array import array
from dataclasses import dataclass
from math import isfinite
from typing import Any

from pydantic import ValidationError
from safetensors import SafetensorError, deserialize

from jobs.heads.card import HEAD_FORMAT, HeadCard
from jobs.validation import own_words

CARD_FILE = "head.json"
WEIGHTS_FILE = "head.safetensors"
MAX_CARD_BYTES = 4 << 20
MAX_WEIGHTS_BYTES = 64 << 20


class HeadError(Exception):
    """Files that are no head, or not this one; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Head:
    """Logits are `weight @ vector + bias`, in the order of the card's labels.

    `weight` holds little-endian float32 [num_labels, num_features] by rows, `bias` [num_labels].
    """

    card: HeadCard
    weight: bytes
    bias: bytes
    card_bytes: bytes
    weights_bytes: bytes

    @property
    def sha256(self) -> str:
        """Of the whole head: its card names the hash of the weights."""
        return hashlib.sha256(self.card_bytes).hexdigest()


def encode_head(card: HeadCard, weights_bytes: bytes) -> Head:
    """A head that can be saved; the card's hash of the weights is filled in."""
    card = card.model_copy(update={"weights_sha256": hashlib.sha256(weights_bytes).hexdigest()})
    return decode_head(card.model_dump_json(indent=2).encode(), weights_bytes)


def decode_head(card_bytes: bytes, weights_bytes: bytes) -> Head:
    """Read a head; raises HeadError for whatever isn't one, or is larger than any."""
    for name, body, most in (
        (CARD_FILE, card_bytes, MAX_CARD_BYTES),
        (WEIGHTS_FILE, weights_bytes, MAX_WEIGHTS_BYTES),
    ):
        if len(body) > most:
            raise HeadError(f"{name} has {len(body):,} bytes; a head's has {most:,} at most")
    card = _card(card_bytes)
    if hashlib.sha256(weights_bytes).hexdigest() != card.weights_sha256:
        raise HeadError(f"{WEIGHTS_FILE} is not the one that {CARD_FILE} was written with")
    tensors = _tensors(weights_bytes, card)
    return Head(card, tensors["weight"], tensors["bias"], card_bytes, weights_bytes)


def _card(body: bytes) -> HeadCard:
    try:
        given = json.loads(body)
        if isinstance(given, dict) and isinstance(given.get("format"), int) and given["format"] > HEAD_FORMAT:
            raise HeadError(
                f"{CARD_FILE} has format {given['format']}; this version reads up to {HEAD_FORMAT}"
            )
        return HeadCard.model_validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "it"
        raise HeadError(f"{CARD_FILE} is not a head's: {where}: {own_words(first)}") from error
    except (ValueError, RecursionError) as error:
        raise HeadError(f"{CARD_FILE} is not JSON: {error}") from error


def _tensors(body: bytes, card: HeadCard) -> dict[str, bytes]:
    try:
        tensors = dict(deserialize(body))  # type: ignore[no-untyped-call]  # the package types what needs numpy
    except SafetensorError as error:
        raise HeadError(f"{WEIGHTS_FILE} is not safetensors: {error}") from error
    shapes = {"weight": [len(card.labels), card.num_features], "bias": [len(card.labels)]}
    if set(tensors) != set(shapes):
        there = ", ".join(sorted(map(repr, tensors)))[:200] or "nothing"
        raise HeadError(f"{WEIGHTS_FILE} must hold a weight and a bias, and holds {there}")
    return {name: _floats(name, tensors[name], shape) for name, shape in shapes.items()}


def _floats(name: str, tensor: dict[str, Any], shape: list[int]) -> bytes:
    if tensor["dtype"] != "F32" or tensor["shape"] != shape:
        raise HeadError(
            f"{WEIGHTS_FILE}: {name} is {tensor['dtype']} {tensor['shape']}; by {CARD_FILE} it must be F32 "
            f"{shape}"
        )
    body = bytes(tensor["data"])
    values = array("f", body)
    if sys.byteorder == "big":
        values.byteswap()
    if not all(map(isfinite, values)):
        raise HeadError(f"{WEIGHTS_FILE}: {name} has values that are not finite: fit the head anew")
    return body
