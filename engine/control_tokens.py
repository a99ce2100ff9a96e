"""Control tokens in a user's text stay text: a row that says `<|im_end|>` must not end its own turn."""

import re
import secrets
from collections.abc import Callable, Iterable

Encode = Callable[[str], list[int]]


class ControlTokenGuard:
    """Hides control tokens in what goes into a chat template, and encodes them as text afterwards.

    In between, each is a placeholder with a key that no text can know.
    """

    def __init__(self, control_tokens: Iterable[str]) -> None:
        longest_first = sorted(filter(None, control_tokens), key=len, reverse=True)
        self._control = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")  # (?!): nothing
        self._key = secrets.token_hex(8)
        self._placeholder = re.compile(rf"\ue000{self._key}([0-9a-f]+)\ue001")

    def finds_in(self, text: str) -> bool:
        """Whether the text spells a control token."""
        return self._control.search(text) is not None

    def hide(self, text: str) -> str:
        """The text with placeholders for control tokens."""
        return self._control.sub(lambda found: f"\ue000{self._key}{found[0].encode().hex()}\ue001", text)

    def encode(self, text: str, encode: Encode, encode_as_text: Encode) -> list[int]:
        """Token ids: hidden control tokens by `encode_as_text`, everything else by `encode`."""
        first, *rest = self._placeholder.split(text)
        token_ids = encode(first)
        for hidden, following in zip(rest[::2], rest[1::2], strict=True):
            token_ids += encode_as_text(bytes.fromhex(hidden).decode())
            token_ids += encode(following)
        return token_ids
