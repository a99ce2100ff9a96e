"""A checkpoint as bytes: a header line as parts have it, then a line per finished row or section."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, ValidationError

from jobs.outcome import Outcome
from jobs.shards import CorruptObjectError, Header, decode_header
from worker.shard_memory import Finished, SectionAnswer


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True)

    outcome: Outcome | None = None
    section: SectionAnswer | None = None


def encode_checkpoint(job_id: str, shard_no: int, finished: Sequence[Finished]) -> bytes:
    header = Header(job_id=job_id, shard_no=shard_no, rows=len(finished))
    lines = [header.model_dump_json(exclude_none=True)]
    lines += [_line(each).model_dump_json(exclude_defaults=True) for each in finished]
    return ("\n".join(lines) + "\n").encode()


def decode_checkpoint(body: bytes, job_id: str, shard_no: int) -> list[Finished]:
    """Read what is finished.

    Raises:
        CorruptObjectError: it isn't a whole checkpoint of this shard.
        NewerFormatError: a newer version wrote it.
    """
    decode_header(body, job_id, shard_no)
    try:
        lines = [_Line.model_validate_json(line) for line in body.split(b"\n")[1:-1]]
    except ValidationError as error:
        # Its message would quote the row.
        raise CorruptObjectError(
            f"a checkpoint of shard {shard_no} of job {job_id} has {error.error_count()} unreadable fields"
        ) from None
    return [each for line in lines for each in (line.outcome, line.section) if each is not None]


def _line(finished: Finished) -> _Line:
    return _Line(outcome=finished) if isinstance(finished, Outcome) else _Line(section=finished)
