"""What a row of a results file says, whichever format holds it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from pydantic import JsonValue

from jobs.joined import END_FIELDS, field_of
from jobs.outcome import Status
from jobs.readers import InputError, Table

_OTHER_KINDS = {"text": "a generate job", "embedding": "an embed job"}


class AnswerKind(StrEnum):
    """What a job's results are told by: the name of the field that holds the answer."""

    LABEL = "label"
    LABELS = "labels"
    SUMMARY = "summary"

    @property
    def words(self) -> str:
        """What such results hold, in a sentence."""
        return _WORDS[self]


_WORDS = {
    AnswerKind.LABEL: "one label a row",
    AnswerKind.LABELS: "several labels a row",
    AnswerKind.SUMMARY: "summaries",
}


@dataclass(frozen=True, slots=True)
class OneLabel:
    """None where the row got no label; no confidence where none was asked for."""

    label: str | None
    confidence: float | None


@dataclass(frozen=True, slots=True)
class ManyLabels:
    """Any number of labels, also none; None where the row got no answer."""

    labels: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Summary:
    """A summary, and the reason why the job marked it as poor, if it did."""

    text: str
    low_quality: str | None


Answer = OneLabel | ManyLabels | Summary
Columns = dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Fields:
    """Which columns are the job's own: joined results stand right of the input's columns.

    There a name that the input has, too, is written with a prefix.
    """

    kind: AnswerKind
    joined: dict[str, str] | None
    """Field to column; None where every column is the job's own, and the failed rows aren't there."""

    def of(self, columns: Columns, name: str) -> JsonValue:
        column = name if self.joined is None else self.joined.get(name)
        value = None if column is None else columns.get(column)
        return None if value == "" else value


def own_fields(table: Table) -> Fields:
    """Raises `InputError` where no column holds answers that can be evaluated."""
    bare = [field_of(name) for name in table.names]
    kinds = [place for place, name in enumerate(bare) if name in {*AnswerKind, *_OTHER_KINDS}]
    if not kinds or bare[kinds[-1]] not in set(AnswerKind):
        raise InputError(table.name, _not_evaluated(table.names, bare[kinds[-1]] if kinds else None))
    start = kinds[-1]
    of_job = dict(zip(bare[start:], table.names[start:], strict=True))
    return Fields(AnswerKind(bare[start]), of_job if of_job.keys() >= set(END_FIELDS) else None)


def _not_evaluated(names: Sequence[str], other: str | None) -> str:
    if other is not None:
        job = _OTHER_KINDS[other]
        return f"the column {other!r} is of {job}; evaluated are those of classify and summarize"
    wanted = ", ".join(repr(kind.value) for kind in AnswerKind)
    return f"no column holds answers ({wanted}); columns are: {', '.join(map(repr, names))}"


def is_ok(fields: Fields, columns: Columns) -> bool:
    """Whether the row has an answer; in files that aren't joined every row has."""
    return fields.joined is None or fields.of(columns, "status") == Status.OK


def end_of(fields: Fields, columns: Columns) -> str:
    """Why a row has no answer: its code, else its status."""
    return str(fields.of(columns, "error") or fields.of(columns, "status"))


def answer_of(fields: Fields, columns: Columns, where: str) -> Answer:
    """The answer of an ok row; raises `InputError` for one that no job gives."""
    given = fields.of(columns, fields.kind)
    match fields.kind:
        case AnswerKind.LABEL:
            label = None if given is None else label_text(given, where)
            return OneLabel(label, _confidence(fields.of(columns, "confidence"), where))
        case AnswerKind.LABELS:
            return ManyLabels(None if given is None else label_set(given, where))
        case AnswerKind.SUMMARY:
            low_quality = fields.of(columns, "low_quality")
            mark = None if low_quality in (None, False) else str(low_quality)
            return Summary("" if given is None else str(given), mark)


def label_text(value: JsonValue, where: str) -> str:
    """A label as text, without blanks around it; numbers and truth values as JSON writes them."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, list | dict) or value is None:
        raise InputError(where, f"a label must be a text, not {json.dumps(value)[:80]}")
    return json.dumps(value)


def label_set(value: JsonValue, where: str) -> frozenset[str]:
    """Labels from a list, from a list written as JSON, or from `a|b`; an empty text holds none."""
    if isinstance(value, str):
        value = json.loads(value) if _is_json_list(value) else [part.strip() for part in value.split("|")]
    items = value if isinstance(value, list) else [value]
    return frozenset(label for item in items if (label := label_text(item, where)))


def _is_json_list(text: str) -> bool:
    try:
        return isinstance(json.loads(text), list)
    except (ValueError, RecursionError):
        return False


def _confidence(value: JsonValue, where: str) -> float | None:
    if value is None:
        return None
    try:
        confidence = float(value) if isinstance(value, str | int | float) else -1.0
    except ValueError:
        confidence = -1.0
    if not 0 <= confidence <= 1:
        raise InputError(where, f"a confidence must be a number from 0 to 1, not {value!r}")
    return confidence
