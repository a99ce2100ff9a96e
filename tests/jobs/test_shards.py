"""Shards and parts come back as they were written, and anything else is refused by name."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.manifest import DocumentRef, Row
from jobs.outcome import Code, Counts, Outcome, Status, Usage
from jobs.shards import (
    CorruptObjectError,
    NewerFormatError,
    decode_part,
    decode_shard,
    encode_part,
    encode_shard,
    part_counts,
)

JOB = "20260101t000000-00000001"
LINES = 'a\nb\r\n\u2028\x85\0 ünï\t"quoted"'
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
DOCUMENTS = st.builds(DocumentRef, name=TEXT, key=st.none() | TEXT, version=st.none() | TEXT)
ROWS = st.builds(
    Row,
    id=TEXT,
    text=st.none() | TEXT,
    document=st.none() | DOCUMENTS,
    columns=st.dictionaries(TEXT, VALUES, max_size=3),
    error=st.none() | st.sampled_from(Code),
)
OUTCOMES = st.one_of(
    st.builds(Outcome.ok, TEXT, st.dictionaries(TEXT, VALUES, max_size=3), st.builds(Usage)),
    st.builds(Outcome.failed, TEXT, st.sampled_from(Code), TEXT),
    st.builds(Outcome.stopped, TEXT, st.sampled_from([Status.CANCELLED, Status.EXPIRED])),
)


def part(*outcomes: Outcome, shard_no: int = 0) -> bytes:
    return encode_part(JOB, shard_no, outcomes or [Outcome.failed("r0", Code.MISSING, "gone")])


def with_header(body: bytes, **changes: object) -> bytes:
    header, _, rest = body.partition(b"\n")
    return json.dumps({**json.loads(header), **changes}).encode() + b"\n" + rest


@given(st.lists(ROWS, max_size=5))
def test_a_shard_comes_back_as_it_was_written(rows: list[Row]) -> None:
    assert decode_shard(encode_shard(JOB, 7, rows), JOB, 7) == rows


@given(st.lists(OUTCOMES, max_size=5))
def test_a_part_comes_back_as_it_was_written_with_its_counts(outcomes: list[Outcome]) -> None:
    body = encode_part(JOB, 7, outcomes)
    assert decode_part(body, JOB, 7) == outcomes
    assert part_counts(body, JOB, 7) == Counts.of(outcomes)


def test_a_text_with_every_kind_of_line_break_stays_one_row() -> None:
    rows = [Row(id=LINES, text=LINES), Row(id="next")]
    assert decode_shard(encode_shard(JOB, 0, rows), JOB, 0) == rows


@pytest.mark.parametrize(("job_id", "shard_no"), [(JOB, 2), ("20260101t000000-00000002", 1)])
def test_the_shard_of_another_job_or_number_is_refused(job_id: str, shard_no: int) -> None:
    with pytest.raises(CorruptObjectError, match=f"holds shard 1 of job {JOB}"):
        decode_part(part(shard_no=1), job_id, shard_no)


def test_a_part_cut_anywhere_is_refused() -> None:
    body = part(Outcome.ok("r0", {"text": "x"}, Usage()), Outcome.stopped("r1", Status.EXPIRED))
    for size in range(len(body)):
        with pytest.raises(CorruptObjectError):
            decode_part(body[:size], JOB, 0)


@pytest.mark.parametrize("header", [b"", b"[]", b"null", b'{"format": "1"}', b'{"format": 1}', b"\xff"])
def test_an_unreadable_header_is_refused(header: bytes) -> None:
    with pytest.raises(CorruptObjectError, match=f"shard 0 of job {JOB} has no readable header"):
        decode_shard(header + b"\n", JOB, 0)


def test_a_line_that_is_no_outcome_is_refused() -> None:
    body = with_header(part(), rows=2) + b'{"id": "r1"}\n'
    with pytest.raises(CorruptObjectError, match="an outcome of shard 0"):
        decode_part(body, JOB, 0)


def test_a_newer_format_is_told_apart_from_damage_even_when_its_header_differs() -> None:
    body = with_header(part(), format=2, rows={"of": "another shape"})
    with pytest.raises(NewerFormatError, match="format 2"):
        decode_part(body, JOB, 0)


def test_a_shard_has_no_counts_to_be_taken_for_a_part() -> None:
    with pytest.raises(CorruptObjectError, match="no counts"):
        part_counts(encode_shard(JOB, 0, [Row(id="r0")]), JOB, 0)
