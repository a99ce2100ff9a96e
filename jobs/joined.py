"""The job's own columns in results that are joined to their input, right of the input's."""

from collections.abc import Container

END_FIELDS = ("status", "error")
"""The last of them: how each row ended."""

_PREFIX = "bydawn_"


def column_of(field: str, taken: Container[str]) -> str:
    """Where a field stands: under its name, or a longer one where the input has a column of that name."""
    while field in taken:
        field = f"{_PREFIX}{field}"
    return field


def field_of(column: str) -> str:
    """The field that stands in a column of the job's."""
    while column.startswith(_PREFIX):
        column = column.removeprefix(_PREFIX)
    return column
