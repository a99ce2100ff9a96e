"""Which of the texts that wait are computed together. Imports no torch.

A batch is a rectangle: as many rows as texts, as many columns as the longest has tokens. What the others do
not fill is computed for nothing, so that texts of about one length belong together.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """Of one batch: its tokens with padding, its texts, and the share of its tokens that may be padding.

    A text that alone has more tokens is a batch of its own.
    """

    tokens: int
    texts: int
    padding_share: float


def choose_batch(lengths: Sequence[int], first: int, limits: BatchLimits) -> range:
    """The places of a batch with the text at `first` in it, of ascending `lengths`.

    It grows from there to whichever side adds the least padding, until a limit is reached on both.
    """
    batch: _Batch | None = _Batch(lengths, first)
    while batch is not None:
        chosen = batch
        wider = [each for each in chosen.wider() if each.keeps(limits)]
        batch = min(wider, key=lambda each: each.padding, default=None)
    return range(chosen.start, chosen.stop)


def share_out(lengths: Sequence[int], num_parts: int) -> list[range]:
    """The places of texts in up to `num_parts` parts, neighbours together, each about as many tokens."""
    ends = [0]
    total, before = sum(lengths), 0
    for place, length in enumerate(lengths):
        # A text goes where its middle lies, so that what a part has too much or too little is half a text.
        part = int((before + length / 2) * num_parts / total)
        if part >= len(ends):
            ends += [place] * (part - len(ends) + 1)
        before += length
    ends.append(len(lengths))
    return [range(start, stop) for start, stop in pairwise(ends) if start < stop]


class _Batch:
    """Neighbours in the order of their lengths."""

    def __init__(self, lengths: Sequence[int], start: int, num_tokens: int = 0, stop: int = 0) -> None:
        self.start = start
        self.stop = stop or start + 1
        self._lengths = lengths
        self._num_tokens = num_tokens or lengths[start]

    @property
    def padded_tokens(self) -> int:
        return (self.stop - self.start) * self._lengths[self.stop - 1]

    @property
    def padding(self) -> int:
        return self.padded_tokens - self._num_tokens

    def keeps(self, limits: BatchLimits) -> bool:
        return (
            self.stop - self.start <= limits.texts
            and self.padded_tokens <= limits.tokens
            and self.padding <= limits.padding_share * self.padded_tokens
        )

    def wider(self) -> "Iterator[_Batch]":
        """With the next shorter text, and with the next longer one."""
        if self.start > 0:
            place = self.start - 1
            yield _Batch(self._lengths, place, self._num_tokens + self._lengths[place], self.stop)
        if self.stop < len(self._lengths):
            num_tokens = self._num_tokens + self._lengths[self.stop]
            yield _Batch(self._lengths, self.start, num_tokens, self.stop + 1)
