"""How a row ended: every row of a job has exactly one outcome."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, JsonValue


class Status(StrEnum):
    """The four ends of a row."""

    OK = "ok"
    FAILED = "failed"  # this row can't be done: the code says why and whose fault it is
    CANCELLED = "cancelled"  # somebody cancelled the job before the row was done
    EXPIRED = "expired"  # the job's deadline passed before the row was done


class Fault(StrEnum):
    """Who has to mend it."""

    INPUT = "input"  # this row or its document; its neighbours may well pass
    JOB = "job"  # what the job asks of every row
    US = "us"  # bydawn, its model or its machines


class Code(StrEnum):
    """Why a row failed, and who is at fault."""

    fault: Fault

    EMPTY_TEXT = "empty_text", Fault.INPUT
    UNDECODABLE = "undecodable", Fault.INPUT
    TOO_LONG = "too_long", Fault.INPUT
    NEEDS_OCR = "needs_ocr", Fault.INPUT
    ENCRYPTED = "encrypted", Fault.INPUT
    UNREADABLE = "unreadable", Fault.INPUT
    UNSUPPORTED = "unsupported", Fault.INPUT
    MISSING = "missing", Fault.INPUT
    CHANGED = "changed", Fault.INPUT
    # Not the job's, though all may be forbidden: to find that out row by row takes no engine, and the rows
    # behind two hundred of a closed folder may well be readable.
    FORBIDDEN = "forbidden", Fault.INPUT
    BAD_REQUEST = "bad_request", Fault.INPUT
    REFUSED = "refused", Fault.JOB  # the engine can't do what is asked: a constraint, a layer
    CUT_SHORT = "cut_short", Fault.JOB
    POISON = "poison", Fault.US  # the engine's process died of it
    ENGINE_ERROR = "engine_error", Fault.US
    INTERNAL_ERROR = "internal_error", Fault.US

    # Looking a code up by its value, which doesn't get here, takes no fault.
    def __new__(cls, value: str, fault: Fault = Fault.US) -> Self:
        code = str.__new__(cls, value)
        code._value_ = value
        code.fault = fault
        return code


class RowError(Exception):
    """One row can't be done; its neighbours are not touched."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code


class Usage(BaseModel):
    """Tokens that a row cost; `cached_tokens` of the prompt's were there already."""

    model_config = ConfigDict(frozen=True)

    prompt_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
        )


class Outcome(BaseModel):
    """A row's end, as it stands on its line of a part."""

    model_config = ConfigDict(frozen=True)

    id: str
    status: Status
    result: dict[str, JsonValue] | None = None
    code: Code | None = None
    message: str | None = None
    usage: Usage = Usage()

    @classmethod
    def ok(cls, row_id: str, result: dict[str, Any], usage: Usage) -> "Outcome":
        return cls(id=row_id, status=Status.OK, result=result, usage=usage)

    @classmethod
    def failed(cls, row_id: str, code: Code, message: str) -> "Outcome":
        return cls(id=row_id, status=Status.FAILED, code=code, message=message)

    @classmethod
    def stopped(cls, row_id: str, status: Status, reason: str | None = None) -> "Outcome":
        message = f"the job was {status} before this row was done"
        return cls(id=row_id, status=status, message=f"{message}: {reason}" if reason else message)

    def result_line(self) -> dict[str, JsonValue]:
        """The line of `results.jsonl` for an ok row."""
        assert self.status is Status.OK
        return {"id": self.id, **(self.result or {}), "usage": self.usage.model_dump()}

    def error_line(self) -> dict[str, JsonValue]:
        """The line of `errors.jsonl` for any other row."""
        assert self.status is not Status.OK
        return {"id": self.id, "status": self.status, "code": self.code, "message": self.message}


class Counts(BaseModel):
    """How many rows ended how, and what they cost."""

    ok: int = 0
    failed: int = 0
    cancelled: int = 0
    expired: int = 0
    blameless: int = 0
    """Of the failed ones: those whose input is not at fault."""
    prompt_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0

    @property
    def rows(self) -> int:
        return self.ok + self.failed + self.cancelled + self.expired

    def add(self, outcome: Outcome) -> None:
        setattr(self, outcome.status, getattr(self, outcome.status) + 1)
        self.blameless += outcome.code is not None and outcome.code.fault is not Fault.INPUT
        self.prompt_tokens += outcome.usage.prompt_tokens
        self.cached_tokens += outcome.usage.cached_tokens
        self.output_tokens += outcome.usage.output_tokens

    def __add__(self, other: "Counts") -> "Counts":
        ours, theirs = self.model_dump(), other.model_dump()
        return Counts(**{field: ours[field] + theirs[field] for field in ours})

    @classmethod
    def of(cls, outcomes: "Iterable[Outcome]") -> "Counts":
        counts = cls()
        for outcome in outcomes:
            counts.add(outcome)
        return counts
