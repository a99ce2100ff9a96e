"""Some of many rows, in bounded memory."""

import random
from collections.abc import Iterable, Iterator
from itertools import islice

from jobs.readers.row import InputRow


def limit(rows: Iterable[InputRow], count: int) -> Iterator[InputRow]:
    """The first `count` rows; the rest is not read."""
    return islice(rows, count)


def sample(rows: Iterable[InputRow], count: int, seed: int) -> list[InputRow]:
    """`count` rows of all with equal chances, in the input's order; the same seed gives the same rows.

    Vitter's algorithm R (ACM TOMS 11:1, 1985): holds `count` rows, reads all.
    """
    chance = random.Random(seed)  # noqa: S311 - draws a sample, guards nothing
    drawn: list[tuple[int, InputRow]] = []
    for number, row in enumerate(rows):
        if len(drawn) < count:
            drawn.append((number, row))
        elif (place := chance.randrange(number + 1)) < count:
            drawn[place] = (number, row)
    return [row for _, row in sorted(drawn, key=lambda entry: entry[0])]
