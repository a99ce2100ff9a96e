"""Where an output stands in its grammar, and which tokens may come next; needs no torch.

The state machine is llguidance's (https://github.com/guidance-ai/llguidance).
"""

from collections.abc import Iterable
from typing import Any

from engine.errors import EngineError, RequestError


class Matcher:
    """One output's way through a grammar. `bitmask` always holds the tokens that may come next.

    It is brought up to date as a token is taken, not when it is needed: what goes wrong here then fails
    this output alone, and not the step that its neighbours are in.
    """

    def __init__(self, machine: Any, end_token_ids: Iterable[int], known_eos: Iterable[int]) -> None:
        self._machine = machine
        self._end_token_ids = frozenset(end_token_ids)
        self._known_eos = frozenset(known_eos)
        self.bitmask = b""
        self.is_complete = False
        self._look_ahead()

    def consume(self, token_id: int) -> bool:
        """Take a token of the output; True if nothing can follow it but the end.

        Raises RequestError where the grammar turns out to be too much only here.
        """
        is_allowed = _has_bit(self.bitmask, token_id)
        if not self._machine.consume_token(token_id):
            if is_allowed:
                raise RequestError(f"the constraint is too complex: {reason_of(self._machine)}")
            raise EngineError(f"token {token_id} breaks the constraint: {reason_of(self._machine)}")
        self._look_ahead()
        return self.is_complete

    def _look_ahead(self) -> None:
        mask = bytearray(self._machine.compute_bitmask())
        if self._machine.is_error():
            raise RequestError(f"the constraint is too complex: {reason_of(self._machine)}")
        # The end is for the request to say, and the grammar says only when: the machine knows the model's
        # own end tokens, which may be ignored, and none of those that the request adds.
        _set_bits(mask, self._known_eos | self._end_token_ids, False)
        accepts = self._machine.is_accepting()
        self.is_complete = accepts and not any(mask)
        if accepts:
            _set_bits(mask, self._end_token_ids, True)
        elif not any(mask):
            raise RequestError("the constraint leaves no token: change it, or give fewer stop_token_ids")
        self.bitmask = bytes(mask)


def reason_of(machine: Any) -> str:
    """The machine's complaint as one line; empty if it has none."""
    message = str(machine.get_error()).replace("<non-verbose/>", "")
    return " ".join(message.split())[:300]


def _has_bit(mask: bytes, token_id: int) -> bool:
    return token_id // 8 < len(mask) and bool(mask[token_id // 8] >> token_id % 8 & 1)


def _set_bits(mask: bytearray, token_ids: Iterable[int], allowed: bool) -> None:
    for token_id in token_ids:
        byte, bit = token_id // 8, 1 << token_id % 8
        if byte < len(mask):
            mask[byte] = mask[byte] | bit if allowed else mask[byte] & ~bit
