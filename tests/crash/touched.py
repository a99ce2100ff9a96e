"""Which files this process opens, makes, moves and removes, by the interpreter's own account (PEP 578)."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_CHANGES_ONE = {"os.mkdir", "os.remove", "os.rmdir", "os.truncate", "os.chmod"}
_CHANGES_TWO = {"os.rename", "os.link", "os.symlink"}


@dataclass(frozen=True, slots=True)
class Touch:
    """A path, links followed, and whether it may have been changed."""

    path: Path
    is_change: bool


@contextmanager
def touches() -> Iterator[list[Touch]]:
    """A list that fills, from all threads, with what is touched within the block."""
    watch, seen = _watch(), list[Touch]()
    watch.seen = seen
    try:
        yield seen
    finally:
        watch.seen = None


class _Watch:
    seen: list[Touch] | None = None

    def note(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.seen is None:
            return
        if event == "open":
            flags = arguments[2]
            self._add(self.seen, arguments[0], isinstance(flags, int) and bool(flags & _WRITING))
        elif event in _CHANGES_ONE or event in _CHANGES_TWO:
            for path in arguments[: 2 if event in _CHANGES_TWO else 1]:
                self._add(self.seen, path, True)

    def _add(self, seen: list[Touch], path: object, is_change: bool) -> None:
        if isinstance(path, str | bytes | os.PathLike):  # not a descriptor
            seen.append(Touch(Path(os.path.realpath(os.fsdecode(path))), is_change))


@cache
def _watch() -> _Watch:
    """One for the process: a hook can't be taken out again."""
    watch = _Watch()
    sys.addaudithook(watch.note)
    return watch
