"""Right labels that the job did not know, so that it could not give them."""

from collections.abc import Collection
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True, slots=True)
class UnknownLabel:
    """A label of the truth, and the job's label that is written most like it, if one is."""

    label: str
    closest: str | None

    def __str__(self) -> str:
        return repr(self.label) if self.closest is None else f"{self.label!r} (meant as {self.closest!r}?)"


def unknown_labels(right: Collection[str], offered: Collection[str]) -> tuple[UnknownLabel, ...]:
    """In the order of their names; none where it isn't known what was offered."""
    if not offered:
        return ()
    written = {_bare(label): label for label in sorted(offered)}
    return tuple(_unknown(label, written) for label in sorted(set(right) - set(offered)))


def _unknown(label: str, written: dict[str, str]) -> UnknownLabel:
    close = get_close_matches(_bare(label), written, n=1)
    return UnknownLabel(label, written[close[0]] if close else None)


def _bare(label: str) -> str:
    """Without what people write differently: capitals, and what parts words."""
    return " ".join(label.replace("_", " ").replace("-", " ").split()).casefold()
