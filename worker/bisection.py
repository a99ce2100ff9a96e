"""Which rows kill an engine: decided from what became of groups of rows that had it to themselves."""

from collections.abc import Container, Iterable
from dataclasses import dataclass, replace

Group = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bisection:
    """The groups of rows that are still to be run, and what their deaths have shown; each run gives the next.

    A death with several rows in the engine only halves what it left undone, for it may have come from
    outside. A row is condemned when the engine has died twice while the row alone was in it, so n rows
    cost at most 3n - 1 deaths, and k bad ones among them about k (log2 n + 2).
    """

    groups: tuple[Group, ...]
    died_alone: frozenset[str] = frozenset()
    """Rows that have done so once."""
    condemned: frozenset[str] = frozenset()

    @classmethod
    def of(cls, row_ids: Iterable[str]) -> "Bisection":
        """At first all rows run together."""
        return cls(tuple(group for group in (tuple(row_ids),) if group))

    @property
    def group(self) -> Group | None:
        """The rows to run next, None at the end."""
        return self.groups[0] if self.groups else None

    @property
    def undone(self) -> Group:
        """All rows that have neither finished nor been condemned."""
        return tuple(row_id for group in self.groups for row_id in group)

    def after_run(self, finished: Container[str]) -> "Bisection":
        """The state after `group` has run; the engine died if any of its rows is not in `finished`."""
        group, *others = self.groups
        rest = tuple(row_id for row_id in group if row_id not in finished)
        if not rest:
            return replace(self, groups=tuple(others))
        if len(group) > 1:
            return replace(self, groups=(*_halves(rest), *others))
        if rest[0] not in self.died_alone:
            return replace(self, died_alone=self.died_alone | {rest[0]})
        return replace(self, groups=tuple(others), condemned=self.condemned | {rest[0]})


def _halves(rows: Group) -> tuple[Group, ...]:
    middle = (len(rows) + 1) // 2
    return tuple(half for half in (rows[:middle], rows[middle:]) if half)
