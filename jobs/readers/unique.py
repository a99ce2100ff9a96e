"""Each id once, checked in bounded memory."""

import sqlite3
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Self

from jobs.readers.row import InputError, InputRow

NUM_PENDING = 1000


class UniqueIds:
    """The ids seen so far, in a temporary database on disk that goes when this is closed."""

    def __init__(self) -> None:
        # The empty name makes SQLite spill to a file of its own, gone with the connection.
        self._seen = sqlite3.connect("", check_same_thread=False)
        self._seen.execute("PRAGMA journal_mode = OFF")
        self._seen.execute("CREATE TABLE ids (id TEXT PRIMARY KEY, place TEXT) WITHOUT ROWID")
        self._pending: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._seen.close()

    def checked(self, rows: Iterable[InputRow]) -> Iterator[InputRow]:
        """The rows themselves; raises `InputError` that names both places of an id that comes twice.

        It may come up to `NUM_PENDING` rows after the second place, and at the latest at the end.
        """
        for row in rows:
            if (first := self._pending.get(row.id)) is not None:
                raise _duplicate(row.id, first, row.where)
            self._pending[row.id] = row.where
            if len(self._pending) == NUM_PENDING:
                self._flush()
            yield row
        self._flush()

    def _flush(self) -> None:
        for row_id, where in self._pending.items():
            known = self._seen.execute("SELECT place FROM ids WHERE id = ?", (row_id,)).fetchone()
            if known is not None:
                raise _duplicate(row_id, known[0], where)
        self._seen.executemany("INSERT INTO ids VALUES (?, ?)", self._pending.items())
        self._pending.clear()


def _duplicate(row_id: str, first: str, second: str) -> InputError:
    return InputError(
        second,
        f"the id {row_id!r} is at {first} already; make ids unique, or name another column (--id-field)",
    )
