"""The input's columns in joined results: which there are, which holds the ids, and of what type each is."""

from enum import Enum, auto

import pyarrow as pa
from pydantic import JsonValue

from jobs.manifest import Row

_INT64 = range(-(2**63), 2**63)
_EXACT_AS_FLOAT = range(-(2**53), 2**53 + 1)


class _Kind(Enum):
    BOOL = auto()
    SMALL_INT = auto()  # that a float can hold, too
    INT = auto()
    FLOAT = auto()
    OTHER = auto()


class GivenColumns:
    """Looks at all rows first: a JSONL file's need not be alike, and a type must hold for every one.

    Numbers and truth values keep their types where all of a column's are of one; all else is text, lists and
    objects as JSON.
    """

    def __init__(self) -> None:
        self._kinds: dict[str, set[_Kind]] = {}
        self._may_be_ids: list[str] | None = None  # None before the first row with columns
        self._has_bare_rows = False

    @property
    def names(self) -> list[str]:
        return list(self._kinds)

    @property
    def id_column(self) -> str | None:
        """The one that holds every row's id, None where the ids are line numbers or documents' names."""
        return self._may_be_ids[0] if self._may_be_ids else None

    def look_at(self, row: Row) -> None:
        for name, value in row.columns.items():
            kinds = self._kinds.setdefault(name, set())
            if value is not None:
                kinds.add(_kind_of(value))
        if not row.columns:
            self._has_bare_rows = True
            return
        if self._may_be_ids is None:
            self._may_be_ids = sorted(row.columns, key=lambda name: name != "id")
        self._may_be_ids = [name for name in self._may_be_ids if str(row.columns.get(name)) == row.id]

    def types(self) -> dict[str, pa.DataType]:
        types = {name: _type_of(kinds) for name, kinds in self._kinds.items()}
        if self._has_bare_rows and self.id_column is not None:
            types[self.id_column] = pa.string()  # all that is left of such a row is its id, as text
        return types


def _kind_of(value: JsonValue) -> _Kind:
    if isinstance(value, bool):
        return _Kind.BOOL
    if isinstance(value, int) and value in _INT64:
        return _Kind.SMALL_INT if value in _EXACT_AS_FLOAT else _Kind.INT
    return _Kind.FLOAT if isinstance(value, float) else _Kind.OTHER


def _type_of(kinds: set[_Kind]) -> pa.DataType:
    if not kinds:
        return pa.string()
    if kinds == {_Kind.BOOL}:
        return pa.bool_()
    if kinds <= {_Kind.SMALL_INT, _Kind.INT}:
        return pa.int64()
    return pa.float64() if kinds <= {_Kind.SMALL_INT, _Kind.FLOAT} else pa.string()
