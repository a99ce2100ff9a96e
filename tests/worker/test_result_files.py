"""Joined results hold all of the user's columns untouched, and ours beside them."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs import layout
from jobs.manifest import DocumentRef, Manifest, ResultFormat, Row
from jobs.outcome import Code, Outcome, Usage
from jobs.spec import ClassifySpec, EmbedSpec, GenerateSpec, Label, Spec, SummarizeSpec
from jobs.stores import MemoryStore
from tests.worker.fakes import make_job
from worker.result_files import write_errors, write_results

CLASSIFY = ClassifySpec(labels=(Label(name="a"), Label(name="b")))
CLASSIFIED = {"label": "a", "confidence": 0.75, "scores": {"a": 0.75, "b": 0.25}}
RESULTS: dict[str, dict[str, Any]] = {
    "classify": CLASSIFIED,
    "generate": {"text": "hi", "finish_reason": "stop"},
    "summarize": {"summary": "short", "sections": 2},
    "embed": {"embedding": [0.5, -1.0]},
}


def _row(number: int, **columns: Any) -> Row:
    return Row(id=f"r{number}", text="t", columns=columns)


def _written(spec: Spec, result_format: ResultFormat, *shards: list[Row]) -> bytes:
    store = MemoryStore()
    manifest = make_job(store, shards, spec=spec, result_format=result_format)

    def read_part(_manifest: Manifest, shard_no: int) -> Iterator[Outcome]:
        return (Outcome.ok(row.id, RESULTS[spec.kind], Usage()) for row in shards[shard_no])

    return store.get(write_results(store, manifest, read_part)) or b""


def _csv(spec: Spec, *shards: list[Row]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(_written(spec, ResultFormat.CSV, *shards).decode(), newline="")))


def _parquet(spec: Spec, *shards: list[Row]) -> pa.Table:
    return pq.read_table(io.BytesIO(_written(spec, ResultFormat.PARQUET, *shards)))


def test_a_users_column_of_a_results_name_keeps_its_values_and_its_type() -> None:
    theirs = {"confidence": "high", "label": "x", "status": "open", "error": "E1"}
    rows = [_row(0, **theirs)]
    for (written,) in (_csv(CLASSIFY, rows), _parquet(CLASSIFY, rows).to_pylist()):
        assert {name: written[name] for name in theirs} == theirs
        assert written["bydawn_label"] == "a"
        assert float(written["bydawn_confidence"]) == 0.75
        assert written["bydawn_status"] == "ok"


@pytest.mark.parametrize("read", [_csv, lambda *job: _parquet(*job).to_pylist()])
def test_labels_alone_have_no_column_for_a_confidence(read: Any) -> None:
    (written,) = read(CLASSIFY.model_copy(update={"scores": False}), [_row(0, n="1")])
    assert set(written) == {"id", "n", "label", "status", "error"}


def test_results_of_an_earlier_job_are_not_overwritten_by_those_of_the_next() -> None:
    (written,) = _csv(CLASSIFY, [_row(0, label="mine", bydawn_label="first")])
    assert (written["label"], written["bydawn_label"]) == ("mine", "first")
    assert written["bydawn_bydawn_label"] == "a"


@pytest.mark.parametrize("read", [_csv, lambda *job: _parquet(*job).to_pylist()])
def test_rows_with_unlike_columns_lose_none_and_mix_none(read: Any) -> None:
    shards = [[_row(0, n="1"), _row(1, n="2", label="mine")], [_row(2, extra="only here")]]
    written = read(CLASSIFY, *shards)
    assert [row["n"] or "" for row in written] == ["1", "2", ""]
    assert [row["label"] or "" for row in written] == ["", "mine", ""]
    assert [row["extra"] or "" for row in written] == ["", "", "only here"]
    assert [row["bydawn_label"] for row in written] == ["a", "a", "a"]


@pytest.mark.parametrize("read", [_csv, lambda *job: _parquet(*job).to_pylist()])
def test_documents_which_have_no_columns_are_told_apart_by_their_ids(read: Any) -> None:
    names = ["a/report.pdf", "b.docx"]
    written = read(SummarizeSpec(), [Row(id=name, document=DocumentRef(name=name)) for name in names])
    assert [(row["id"], row["summary"]) for row in written] == [(name, "short") for name in names]


def test_a_csv_cell_holds_line_breaks_quotes_and_lists_as_they_are() -> None:
    odd = 'two\nlines, "quoted"\r\nand a \u2028'
    (written,) = _csv(GenerateSpec(), [_row(0, odd=odd, tags=["x", {"y": 1}], ü="ü")])
    assert written["odd"] == odd
    assert json.loads(written["tags"]) == ["x", {"y": 1}]
    assert (written["ü"], written["text"]) == ("ü", "hi")


def test_parquet_types_our_numbers_and_vectors() -> None:
    table = _parquet(EmbedSpec(), [_row(0, n=1, note=None)])
    assert table.schema.field("embedding").type == pa.list_(pa.float32())
    assert table.to_pylist() == [
        {"id": "r0", "n": 1, "note": None, "embedding": [0.5, -1.0], "status": "ok", "error": None}
    ]
    assert _parquet(SummarizeSpec(), [_row(0, n=1)]).schema.field("sections").type == pa.int64()


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        ([1, None, -(2**63)], [1, None, -(2**63)]),
        ([1, 2.5], [1.0, 2.5]),
        ([True, None, False], [True, None, False]),
        ([None, None], [None, None]),
        ([2**63, 1], ["9223372036854775808", "1"]),
        ([2**53 + 1, 0.5], ["9007199254740993", "0.5"]),
        ([True, 1], ["true", "1"]),
        ([1, "a"], ["1", "a"]),
        ([[True], {"b": None}], ["[true]", '{"b": null}']),
    ],
)
def test_a_users_column_keeps_its_type_in_parquet_where_it_is_one_for_all_rows(
    values: list[Any], kept: list[Any]
) -> None:
    rows = [_row(number, given=value) for number, value in enumerate(values)]
    assert _parquet(GenerateSpec(), rows)["given"].to_pylist() == kept


def test_truth_values_are_written_as_json_has_them_in_csv() -> None:
    (written,) = _csv(GenerateSpec(), [_row(0, flag=True, flags=[True, None], n=1, x=0.5)])
    assert [written[name] for name in ("flag", "flags", "n", "x")] == ["true", "[true, null]", "1", "0.5"]


@pytest.mark.parametrize("read", [_csv, lambda *job: _parquet(*job).to_pylist()])
def test_rows_that_are_known_by_their_lines_alone_have_these_as_ids(read: Any) -> None:
    rows = [Row(id=str(line), text="t", columns={"body": "t", "team": "x"}) for line in (2, 3)]
    written = read(CLASSIFY, rows)
    assert [(row["id"], row["team"]) for row in written] == [("2", "x"), ("3", "x")]


@pytest.mark.parametrize("read", [_csv, lambda *job: _parquet(*job).to_pylist()])
@pytest.mark.parametrize("ids", [(7, 8), ("a", "b")])
def test_a_row_without_columns_has_its_id_in_the_column_of_the_ids(read: Any, ids: tuple[Any, Any]) -> None:
    first, second = map(str, ids)
    rows = [Row(id=first, text="t", columns={"number": ids[0], "id": "same"}), Row(id=second)]
    written = read(CLASSIFY, rows)
    assert [row["number"] for row in written] == [first, second]
    assert [row["id"] or "" for row in written] == ["same", ""]
    assert "bydawn_id" not in written[0]


def test_a_row_with_several_labels_has_them_in_one_column() -> None:
    store, outcome = MemoryStore(), Outcome.ok("r0", {"labels": ["b", "a"], "scores": {}}, Usage())
    for result_format in (ResultFormat.PARQUET, ResultFormat.CSV):
        job_id = f"20260101t000000-0000000{len(result_format)}"
        manifest = make_job(
            store, [[_row(0, n=1)]], spec=ClassifySpec(multi=True), result_format=result_format, job_id=job_id
        )
        body = store.get(write_results(store, manifest, lambda *_: iter([outcome]))) or b""
        if result_format is ResultFormat.CSV:
            (written,) = csv.DictReader(io.StringIO(body.decode(), newline=""))
            assert json.loads(written["labels"]) == ["b", "a"]
        else:
            assert pq.read_table(io.BytesIO(body))["labels"].to_pylist() == [["b", "a"]]
            assert "label" not in pq.read_table(io.BytesIO(body)).schema.names


def test_thousands_of_rows_stay_in_input_order() -> None:
    shards = [[_row(number, n=number) for number in range(start, start + 1250)] for start in (0, 1250)]
    assert _parquet(GenerateSpec(), *shards)["n"].to_pylist() == list(range(2500))
    assert [row["n"] for row in _csv(GenerateSpec(), *shards)] == [str(number) for number in range(2500)]


def test_json_lines_hold_ok_rows_and_errors_the_others_with_their_codes() -> None:
    store = MemoryStore()
    manifest = make_job(store, [[_row(0), _row(1), _row(2)]], spec=CLASSIFY)
    outcomes = [
        Outcome.ok("r0", CLASSIFIED, Usage()),
        Outcome.failed("r1", Code.NEEDS_OCR, "only pictures, 像"),
        Outcome.ok("r2", CLASSIFIED, Usage()),
    ]
    results = store.get(write_results(store, manifest, lambda *_: iter(outcomes))) or b""
    assert [json.loads(line)["id"] for line in results.splitlines()] == ["r0", "r2"]
    assert json.loads(results.splitlines()[0])["scores"] == {"a": 0.75, "b": 0.25}
    errors = store.get(write_errors(store, manifest, lambda *_: iter(outcomes))) or b""
    assert [json.loads(line) for line in errors.splitlines()] == [outcomes[1].error_line()]
    assert "像".encode() in errors, "readable as it stands"


def test_a_damaged_shards_rows_keep_the_columns_of_lines_that_can_be_read() -> None:
    store = MemoryStore()
    manifest = make_job(store, [[_row(0, n=1), _row(1, n=2)]], result_format=ResultFormat.CSV)
    key = layout.shard(manifest.job_id, 0)
    whole = (store.get(key) or b"").splitlines(keepends=True)
    store.put(key, whole[0] + whole[1] + b"{damaged\n")
    ends = [
        Outcome.failed(name, Code.INTERNAL_ERROR, "the whole shard broke")
        for name in ("r0", "shard 0, row 1")
    ]
    results = store.get(write_results(store, manifest, lambda *_: iter(ends))) or b""
    written = list(csv.DictReader(io.StringIO(results.decode())))
    assert [(row["id"], row["n"]) for row in written] == [("r0", "1"), ("shard 0, row 1", "")]


def test_rows_whose_input_is_gone_are_still_told_by_their_outcomes() -> None:
    store = MemoryStore()
    shards = [[_row(0, n=1)], [_row(1, n=2)]]
    manifest = make_job(store, shards, spec=CLASSIFY, result_format=ResultFormat.CSV)
    store.delete([layout.shard(manifest.job_id, 1)])
    parts = [
        [Outcome.ok("r0", CLASSIFIED, Usage())],
        [Outcome.failed("shard 1, row 0", Code.INTERNAL_ERROR, "the shard can't be read")],
    ]
    key = write_results(store, manifest, lambda _, shard_no: iter(parts[shard_no]))
    written = list(csv.DictReader(io.StringIO((store.get(key) or b"").decode())))
    assert [(row["n"], row["status"], row["error"]) for row in written] == [
        ("1", "ok", ""),
        ("", "failed", "internal_error"),
    ]
