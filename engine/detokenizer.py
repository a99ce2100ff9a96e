"""Output tokens to text while they come, so that stop strings are seen as soon as they are complete."""

from collections.abc import Callable, Sequence

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class TextStream:
    """The text of the output so far, watched for stop strings.

    A token is decoded together with the ones before it, because its text depends on them: a character may
    be spread over several tokens, and some tokenizers write a space only between words.
    """

    def __init__(self, decode: Callable[[Sequence[int]], str], stop: Sequence[str]) -> None:
        self.text = ""
        self._decode = decode
        self._stop = tuple(stop)
        self._longest_stop = max((len(stop) for stop in self._stop), default=0)
        self._token_ids: list[int] = []
        self._context_start = 0  # where decoding starts
        self._context_end = 0  # up to where `text` has the tokens

    def append(self, token_id: int) -> bool:
        """Add a token; True if that completed a stop string, which is then cut from the text."""
        self._token_ids.append(token_id)
        return self._advance(hold_incomplete=True)

    def finish(self) -> bool:
        """Add what was held back as an incomplete character; True as for `append`."""
        return self._advance(hold_incomplete=False)

    def _advance(self, hold_incomplete: bool) -> bool:
        known = self._decode(self._token_ids[self._context_start : self._context_end])
        longer = self._decode(self._token_ids[self._context_start :])
        if hold_incomplete and longer.endswith(REPLACEMENT):
            return False
        self._context_start, self._context_end = self._context_end, len(self._token_ids)
        return self._extend(longer[len(known) :])

    def _extend(self, piece: str) -> bool:
        search_from = max(0, len(self.text) - self._longest_stop + 1)
        self.text += piece
        found = [at for stop in self._stop if (at := self.text.find(stop, search_from)) >= 0]
        if found:
            self.text = self.text[: min(found)]
        return bool(found)
