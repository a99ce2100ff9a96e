"""Some of many rows, in bounded memory."""

import random
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Generic, TypeVar

from jobs.readers.row import InputRow

ItemT = TypeVar("ItemT")


def limit(rows: Iterable[InputRow], count: int) -> Iterator[InputRow]:
    """The first `count` rows; the rest is not read."""
    return islice(rows, count)


class Reservoir(Generic[ItemT]):
    """`count` of all items that it is offered, with equal chances; the same seed draws the same.

    Vitter's algorithm R (ACM TOMS 11:1, 1985): holds `count` items, sees all.
    """

    def __init__(self, count: int, seed: int) -> None:
        self._count = count
        self._chance = random.Random(seed)  # noqa: S311 - draws a sample, guards nothing
        self._drawn: list[tuple[int, ItemT]] = []
        self._num_offered = 0

    def offer(self, item: ItemT) -> None:
        number, self._num_offered = self._num_offered, self._num_offered + 1
        if len(self._drawn) < self._count:
            self._drawn.append((number, item))
        elif (place := self._chance.randrange(number + 1)) < self._count:
            self._drawn[place] = (number, item)

    @property
    def drawn(self) -> list[ItemT]:
        """In the order in which they were offered."""
        return [item for _, item in sorted(self._drawn, key=lambda entry: entry[0])]


def sample(rows: Iterable[InputRow], count: int, seed: int) -> list[InputRow]:
    """`count` rows of all with equal chances, in the input's order; the same seed gives the same rows."""
    reservoir = Reservoir[InputRow](count, seed)
    for row in rows:
        reservoir.offer(row)
    return reservoir.drawn
