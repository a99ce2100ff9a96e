"""A labelled history: which of its rows a head can be fitted on, and what became of the others."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pydantic import ValidationError

from jobs.readers import InputError, InputRow
from jobs.spec import ClassifySpec, Label
from jobs.validation import own_words
from producer.errors import UserError

_UNLABELLED = "without a label"
_TWICE = "text given before"
_CONTRADICTED = "text given with several labels"
_SHOWN = 8
_FEW = 10
_MOST_DISTINCT = 0.8
"""Where more of a column's values are different, it hardly holds labels."""


@dataclass(slots=True)
class History:
    """The rows to fit on, each text once, and their labels by the rows' ids."""

    rows: list[InputRow]
    labels: dict[str, str]
    left_out: Counter[str] = field(default_factory=Counter)
    """By reason."""

    def less(self, failed: Mapping[str, str]) -> "History":
        """Without rows of which there is no vector, by their ids with the reasons."""
        rows = [row for row in self.rows if row.id not in failed]
        labels = {row.id: self.labels[row.id] for row in rows}
        return History(rows, labels, self.left_out + Counter(failed.values()))


def read_history(source: str, given: Iterable[InputRow], label_field: str) -> History:
    """The rows that have a text and a label.

    A text that comes again with its label is left out, for a copy among the held-out rows would flatter the
    head; one that comes with several labels is left out everywhere, for nobody knows which is right.
    """
    rows: list[InputRow] = []
    left_out: Counter[str] = Counter()
    columns: dict[str, None] = {}
    for row in given:
        columns |= dict.fromkeys(row.columns)
        if row.text is None:
            left_out[str(row.error or "no text")] += 1
        elif _label(row, label_field) is None:
            left_out[_UNLABELLED] += 1
        else:
            rows.append(row)
    if not columns:
        raise InputError(source, "documents have no labels; give a table with a column of them")
    if label_field not in columns:
        names = ", ".join(map(repr, columns))
        raise InputError(source, f"there is no column {label_field!r} (--label-field); columns are: {names}")
    return _each_text_once(rows, label_field, left_out)


def check_labels(source: str, history: History, folds: int) -> None:
    """Raises UserError for a history that no head can be fitted on."""
    counts = Counter(history.labels.values())
    if len(counts) < 2:
        told = f"only the label {next(iter(counts))!r}" if counts else "no row with a text and a label"
        raise UserError(f"{source} has {told}{_why(history)}; a head needs at least 2 labels")
    if len(counts) > max(_FEW, _MOST_DISTINCT * len(history.labels)):
        raise UserError(
            f"{source} has {len(counts):,} different labels in {len(history.labels):,} rows{_why(history)}: "
            "name the column that holds the labels with --label-field, or label more rows of each"
        )
    try:
        ClassifySpec(labels=tuple(Label(name=name) for name in counts))
    except ValidationError as error:
        raise UserError(f"{source}: {own_words(error.errors()[0])}; mend them in the history") from error
    if rare := {label: rows for label, rows in counts.items() if rows < folds}:
        raise UserError(
            f"{source}: {_named(rare)}{_why(history)}; {folds} folds need {folds} different texts of each "
            "label: label more, take the label out of the history, or give --folds 2"
        )


def _label(row: InputRow, label_field: str) -> str | None:
    given = row.columns.get(label_field)
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, str | int):
        raise InputError(row.where, f"{label_field!r} must be a text, not {type(given).__name__}")
    return str(given).strip() or None


def _each_text_once(rows: list[InputRow], label_field: str, left_out: Counter[str]) -> History:
    labels_of: dict[str, set[str]] = {}
    for row in rows:
        labels_of.setdefault(_same(row), set()).add(_label(row, label_field) or "")
    history = History([], {}, left_out)
    seen: set[str] = set()
    for row in rows:
        text = _same(row)
        if len(labels_of[text]) > 1:
            left_out[_CONTRADICTED] += 1
        elif text in seen:
            left_out[_TWICE] += 1
        else:
            seen.add(text)
            history.rows.append(row)
            history.labels[row.id] = next(iter(labels_of[text]))
    return history


def _same(row: InputRow) -> str:
    return " ".join((row.text or "").split()).casefold()


def _named(rare: dict[str, int]) -> str:
    told = [
        f"{label!r} has {rows} row{'s' if rows > 1 else ''}" for label, rows in list(rare.items())[:_SHOWN]
    ]
    more = len(rare) - _SHOWN
    return ", ".join(told) + (f", and {more} more labels have too few" if more > 0 else "")


def _why(history: History) -> str:
    if not history.left_out:
        return ""
    told = ", ".join(f"{rows} {reason}" for reason, rows in history.left_out.items())
    return f" (left out: {told})"
