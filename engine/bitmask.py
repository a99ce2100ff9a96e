"""Rule out tokens that a constraint does not allow."""

from collections.abc import Sequence as Seq

import torch

from engine.upload import to_device, upload


def keep_allowed(scores: torch.Tensor, bitmasks: Seq[bytes | None]) -> torch.Tensor:
    """Scores [rows, vocab_size] with -inf where a row's bitmask has no bit; those given stay as they are.

    Token i is bit i % 8 of byte i // 8. A row without a bitmask may have every token.
    """
    masks = {row: mask for row, mask in enumerate(bitmasks) if mask is not None}
    if not masks:
        return scores
    rows = upload(list(masks), torch.int64, scores.device)
    allowed = _bits(list(masks.values()), scores.device)[:, : scores.shape[-1]]
    return scores.index_copy(0, rows, scores.index_select(0, rows).masked_fill(~allowed, -torch.inf))


def _bits(bitmasks: list[bytes], device: torch.device) -> torch.Tensor:
    """[len(bitmasks), 8 * bytes] bool"""
    # The bits cross to the device as they are, an eighth of what booleans would be.
    flat = torch.frombuffer(bytearray(b"".join(bitmasks)), dtype=torch.uint8)
    packed = to_device(flat, device).view(len(bitmasks), -1, 1)
    places = torch.arange(8, dtype=torch.uint8, device=device)
    return ((packed >> places) & 1).flatten(1).bool()
