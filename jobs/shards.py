"""Shards and parts as bytes: a header line, then one line per row in order."""

import json
from collections.abc import Iterator, Sequence

from pydantic import BaseModel, ConfigDict, ValidationError

from jobs.manifest import FORMAT, Row
from jobs.outcome import Counts, Outcome
from jobs.validation import in_one_line


class CorruptObjectError(Exception):
    """An object of a job isn't what it must be; the message names it."""


class NewerFormatError(Exception):
    """A newer bydawn wrote this; a worker of that version must take it."""


class Header(BaseModel):
    """The first line of a shard or part; a part's has the counts of its outcomes."""

    model_config = ConfigDict(frozen=True)

    format: int = FORMAT
    job_id: str
    shard_no: int
    rows: int
    counts: Counts | None = None


def _encode(header: Header, lines: Sequence[BaseModel]) -> bytes:
    body = [header.model_dump_json(exclude_none=True)]
    body += [line.model_dump_json(exclude_defaults=True) for line in lines]
    return ("\n".join(body) + "\n").encode()


def encode_shard(job_id: str, shard_no: int, rows: Sequence[Row]) -> bytes:
    return _encode(Header(job_id=job_id, shard_no=shard_no, rows=len(rows)), rows)


def encode_part(job_id: str, shard_no: int, outcomes: Sequence[Outcome]) -> bytes:
    counts = Counts.of(outcomes)
    return _encode(Header(job_id=job_id, shard_no=shard_no, rows=len(outcomes), counts=counts), outcomes)


def decode_header(body: bytes, job_id: str, shard_no: int) -> Header:
    """Read the header and check that it belongs to this shard.

    Raises:
        CorruptObjectError: it doesn't, or lines are missing.
        NewerFormatError: its format is above ours.
    """
    first, _, _ = body.partition(b"\n")
    where = f"shard {shard_no} of job {job_id}"
    try:
        written_by = json.loads(first).get("format", 0)
        if written_by > FORMAT:
            raise NewerFormatError(f"{where} has format {written_by}; this version reads up to {FORMAT}")
        header = Header.model_validate_json(first)
    except (ValueError, AttributeError, TypeError) as error:
        raise CorruptObjectError(f"{where} has no readable header: {error}") from error
    if (header.job_id, header.shard_no) != (job_id, shard_no):
        raise CorruptObjectError(f"{where} holds shard {header.shard_no} of job {header.job_id}")
    if (lines := body.count(b"\n") - 1) != header.rows:
        raise CorruptObjectError(f"{where} has {lines} rows where its header says {header.rows}")
    return header


def _lines(body: bytes) -> Iterator[bytes]:
    lines = iter(body.split(b"\n")[:-1])
    next(lines)
    yield from lines


def decode_shard(body: bytes, job_id: str, shard_no: int) -> list[Row]:
    decode_header(body, job_id, shard_no)
    try:
        return [Row.model_validate_json(line) for line in _lines(body)]
    except ValidationError as error:
        raise CorruptObjectError(
            f"a row of shard {shard_no} of job {job_id} can't be read: {in_one_line(error)}"
        ) from error


def salvaged_rows(body: bytes) -> list[Row | None]:
    """What can be read of a damaged shard, line by line; None for a line that can't be read."""
    return [_row_or_none(line) for line in body.split(b"\n")[1:] if line]


def _row_or_none(line: bytes) -> Row | None:
    try:
        return Row.model_validate_json(line)
    except ValidationError:
        return None


def decode_part(body: bytes, job_id: str, shard_no: int) -> list[Outcome]:
    decode_header(body, job_id, shard_no)
    try:
        return [Outcome.model_validate_json(line) for line in _lines(body)]
    except ValidationError as error:
        raise CorruptObjectError(
            f"an outcome of shard {shard_no} of job {job_id} can't be read: {in_one_line(error)}"
        ) from error


def part_counts(body: bytes, job_id: str, shard_no: int) -> Counts:
    """How the rows of a part ended, from its header alone."""
    if (counts := decode_header(body, job_id, shard_no).counts) is None:
        raise CorruptObjectError(f"the part of shard {shard_no} of job {job_id} has no counts")
    return counts
