"""The turns of a work by system, and what each system's rates come to. No I/O."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Protocol, TypeVar


class Rated(Protocol):
    """A turn of a system."""

    @property
    def system(self) -> str: ...

    @property
    def rate(self) -> float: ...


T = TypeVar("T", bound=Rated)


def by_system(turns: Iterable[T]) -> dict[str, list[T]]:
    """In the order in which systems first ran."""
    found: dict[str, list[T]] = {}
    for turn in turns:
        found.setdefault(turn.system, []).append(turn)
    return found


def medians(turns: Mapping[str, Sequence[Rated]]) -> dict[str, float]:
    """Of each system's rates."""
    return {name: median(turn.rate for turn in own) for name, own in turns.items()}
