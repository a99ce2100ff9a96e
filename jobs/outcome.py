"""How a row ended: every row of a job has exactly one outcome."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, JsonValue


class Status(StrEnum):
    """The four ends of a row."""

    OK = "ok"
    FAILED = "failed"  # this row can't be done: the code says why and whose fault it is
    CANCELLED = "cancelled"  # somebody cancelled the job before the row was done
    EXPIRED = "expired"  # the job's deadline passed before the row was done


class Code(StrEnum):
    """Why a row failed.

    The last two are ours; cut_short is of the job's limit; poison is of the row and the engine together; the
    others are of the input.
    """

    EMPTY_TEXT = "empty_text"
    UNDECODABLE = "undecodable"
    TOO_LONG = "too_long"
    NEEDS_OCR = "needs_ocr"
    ENCRYPTED = "encrypted"
    UNREADABLE = "unreadable"
    UNSUPPORTED = "unsupported"
    MISSING = "missing"
    CHANGED = "changed"
    FORBIDDEN = "forbidden"
    BAD_REQUEST = "bad_request"
    CUT_SHORT = "cut_short"
    POISON = "poison"  # the engine's process died of it
    ENGINE_ERROR = "engine_error"
    INTERNAL_ERROR = "internal_error"


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
    def stopped(cls, row_id: str, status: Status) -> "Outcome":
        return cls(id=row_id, status=status, message=f"the job was {status} before this row was done")

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
    prompt_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0

    @property
    def rows(self) -> int:
        return self.ok + self.failed + self.cancelled + self.expired

    def add(self, outcome: Outcome) -> None:
        setattr(self, outcome.status, getattr(self, outcome.status) + 1)
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
