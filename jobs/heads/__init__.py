"""Fitted heads: what turns a text's vector into labels with probabilities, as files that both sides check."""

from jobs.heads.card import HeadCard, LabelScore, Scorecard
from jobs.heads.files import CARD_FILE, WEIGHTS_FILE, Head, HeadError, decode_head, encode_head
from jobs.heads.stored import head_sha256, read_stored_head, store_head

__all__ = [
    "CARD_FILE",
    "WEIGHTS_FILE",
    "Head",
    "HeadCard",
    "HeadError",
    "LabelScore",
    "Scorecard",
    "decode_head",
    "encode_head",
    "head_sha256",
    "read_stored_head",
    "store_head",
]
