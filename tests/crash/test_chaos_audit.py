"""The audit of a chaos run sees each defect that is planted in what lies in the store."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from jobs.manifest import JobState, Report
from jobs.outcome import Code, Counts, Outcome, Usage
from tests.crash.chaos.audit import Defect, Evidence, audit
from tests.crash.chaos.evidence import Versions
from tests.crash.chaos.run import longest_gap_s
from tests.servers import S3Server, s3_server

NOW = datetime(2030, 1, 31, tzinfo=UTC)
ROWS = (
    Outcome.ok("a", {"text": "alpha"}, Usage(output_tokens=1)),
    Outcome.ok("b", {"text": "beta"}, Usage(output_tokens=1)),
    Outcome.failed("c", Code.EMPTY_TEXT, ""),
    Outcome.ok("d", {"text": "delta"}, Usage(output_tokens=1)),
)
POISON = Outcome.failed("d", Code.POISON, "it died")
EMPTY = {"id": "c", "code": "empty_text"}


def job(rows: tuple[Outcome, ...] = ROWS, *, is_joined: bool = False) -> Evidence:
    """One of two parts that ended with these rows."""
    lines = [_line(row) for row in rows if row.result]
    if is_joined:
        lines = [{"error": row.code or "", "text": "", **_line(row)} for row in rows]
    return Evidence(
        job_id="j",
        expected=ROWS,
        report=_report(rows),
        is_open=False,
        parts=(rows[:2], rows[2:]),
        results=lines,
        errors=[{"id": row.id, "code": str(row.code)} for row in rows if row.code],
        is_joined=is_joined,
        num_writes={"parts/0": 1, "parts/1": 1, "report.json": 1},
        dead_rows=(),
    )


def _line(row: Outcome) -> dict[str, str]:
    return {"id": row.id, **{name: str(value) for name, value in (row.result or {}).items()}}


def _report(rows: tuple[Outcome, ...]) -> Report:
    return Report(
        job_id="j",
        state=JobState.PARTIAL,
        rows=len(rows),
        counts=Counts.of(rows),
        failures=(),
        results="results.jsonl",
        errors="errors.jsonl",
        created_at=NOW,
        finished_at=NOW,
    )


def found(evidence: Evidence) -> set[Defect]:
    return {finding.defect for finding in audit(evidence)}


@pytest.mark.parametrize("is_joined", [False, True])
def test_a_job_that_ended_well_has_no_defect(is_joined: bool) -> None:
    assert found(job(is_joined=is_joined)) == set()


@pytest.mark.parametrize("is_joined", [False, True])
@pytest.mark.parametrize("missing", [0, 2, 3])
def test_a_row_that_is_nowhere_is_lost_though_all_counts_agree(missing: int, is_joined: bool) -> None:
    left = ROWS[:missing] + ROWS[missing + 1 :]
    assert found(job(left, is_joined=is_joined)) == {Defect.LOST, Defect.MISCOUNTED}
    report = _report(left).model_copy(update={"rows": len(ROWS)})
    assert Defect.LOST in found(replace(job(left, is_joined=is_joined), report=report))


def test_a_row_twice_is_seen_in_parts_and_in_files_though_the_number_of_rows_is_right() -> None:
    assert found(job((ROWS[0], ROWS[0], ROWS[2], ROWS[3]))) == {Defect.TWICE, Defect.LOST}
    well = job()
    assert found(replace(well, results=[*well.results, well.results[0]])) == {Defect.TWICE}
    assert found(replace(well, errors=[EMPTY, EMPTY])) == {Defect.TWICE}


def test_a_whole_part_that_is_missing_from_a_job_that_ended_is_lost_rows() -> None:
    well = job()
    assert found(replace(well, parts=well.parts[:1])) == {Defect.LOST, Defect.MISCOUNTED}


@pytest.mark.parametrize("is_joined", [False, True])
def test_an_answer_to_another_row_is_wrong(is_joined: bool) -> None:
    swapped = ROWS[0].model_copy(update={"result": ROWS[1].result})
    assert found(job((swapped, *ROWS[1:]), is_joined=is_joined)) == {Defect.WRONG}
    well = job(is_joined=is_joined)
    for instead in ({"id": "a", "text": "beta"}, {"id": "a"}):
        assert found(replace(well, results=[instead, *well.results[1:]])) == {Defect.WRONG}


def test_a_row_that_nobody_submitted_is_wrong() -> None:
    stranger = Outcome.ok("e", {"text": "epsilon"}, Usage())
    assert found(job((*ROWS, stranger))) == {Defect.WRONG, Defect.MISCOUNTED}
    well = job()
    assert found(replace(well, results=[*well.results, {"id": "e", "text": "x"}])) == {Defect.WRONG}


@pytest.mark.parametrize("code", [Code.ENGINE_ERROR, Code.INTERNAL_ERROR, Code.CUT_SHORT])
def test_a_row_that_failed_and_should_not_have_is_wrong(code: Code) -> None:
    assert Defect.WRONG in found(job((*ROWS[:3], Outcome.failed("d", code, "why"))))


def test_other_failures_of_a_row_and_other_costs_than_its_own_are_wrong() -> None:
    failed = Outcome.failed("c", Code.TOO_LONG, "")
    assert found(job((*ROWS[:2], failed, ROWS[3]))) == {Defect.WRONG}
    dear = ROWS[3].model_copy(update={"usage": Usage(output_tokens=2)})
    assert found(job((*ROWS[:3], dear))) == {Defect.WRONG}


def test_poison_is_seen_in_parts_and_on_the_dead_letter_list() -> None:
    assert Defect.POISON in found(job((*ROWS[:3], POISON)))
    assert found(replace(job(), dead_rows=["dead/j/1"])) == {Defect.POISON}


@pytest.mark.parametrize("key", ["parts/0", "report.json"])
def test_what_was_written_twice_or_removed_is_overwritten(key: str) -> None:
    well = job()
    assert found(replace(well, num_writes={**well.num_writes, key: 2})) == {Defect.OVERWRITTEN}


def test_counts_that_are_not_the_rows_are_seen() -> None:
    report = _report(ROWS).model_copy(update={"counts": Counts(ok=4)})
    assert found(replace(job(), report=report)) == {Defect.MISCOUNTED}


def test_a_job_that_has_not_ended_is_told_once_and_its_undone_rows_are_not_lost() -> None:
    unended = replace(job(), is_open=True, report=None, parts=(ROWS[:2],), results=(), errors=())
    assert [finding.defect for finding in audit(unended)] == [Defect.UNENDED]


def test_a_job_with_a_report_that_is_still_open_has_not_ended() -> None:
    assert found(replace(job(), is_open=True)) == {Defect.UNENDED}


@pytest.fixture(scope="module")
def remembering() -> Iterator[tuple[S3Server, Versions]]:
    """A server of its own: a bucket that remembers is none for other tests."""
    with s3_server() as server:
        yield server, Versions(server, "run")


OVERWRITES: list[Callable[[S3Server], object]] = [
    lambda server: server.store("run").put("jobs/j/parts/0", b"the same"),
    lambda server: server.store("run").delete(["jobs/j/parts/0"]),
]


@pytest.mark.integration
def test_the_bucket_itself_remembers_every_write_and_removal(
    remembering: tuple[S3Server, Versions],
) -> None:
    server, versions = remembering
    store = server.store("run")
    assert store.create("jobs/j/parts/0", b"the same")
    assert not store.create("jobs/j/parts/0", b"refused")
    assert store.create("jobs/j/parts/1", b"another")
    assert {key: written.times for key, written in versions.of("jobs/j/parts/").items()} == {
        "jobs/j/parts/0": 1,
        "jobs/j/parts/1": 1,
    }
    for number, overwrite in enumerate(OVERWRITES, start=2):
        overwrite(server)
        assert versions.of("jobs/j/parts/")["jobs/j/parts/0"].times == number
    assert versions.of("jobs/j/parts/")["jobs/j/parts/1"].times == 1


def test_the_longest_gap_is_between_neighbours_whatever_their_order() -> None:
    moments = [NOW + timedelta(seconds=seconds) for seconds in (9, 0, 2)]
    assert longest_gap_s(moments) == 7
    assert longest_gap_s(moments[:1]) == longest_gap_s([]) == 0
