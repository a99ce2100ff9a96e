"""Results are read as the product writes them, in each format, and as others may have written them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs.manifest import Manifest, ResultFormat, Row
from jobs.outcome import Code, Outcome, Usage
from jobs.readers import InputError
from jobs.spec import ClassifySpec, EmbedSpec, GenerateSpec, Label, Spec, SummarizeSpec
from jobs.stores import MemoryStore
from producer.evaluation.answers import Answer, AnswerKind, ManyLabels, OneLabel, Summary
from producer.evaluation.results import Results, read_results
from tests.worker.fakes import make_job
from worker.result_files import write_errors, write_results

CLASSIFY = ClassifySpec(labels=(Label(name="a"), Label(name="b")))
CLASSIFIED = {"label": "a", "confidence": 0.75, "scores": {"a": 0.75, "b": 0.25}}
SUMMARISED = {"summary": 'two\nlines, "quoted"', "sections": 2}


def _written(
    folder: Path, spec: Spec, result: dict[str, Any], columns: dict[str, Any], result_format: ResultFormat
) -> tuple[str, str]:
    """The files of a job of two rows, the second of which failed, as the product writes them."""
    store = MemoryStore()
    rows = [Row(id=f"r{number}", text="t", columns={**columns, "id": f"r{number}"}) for number in (1, 2)]
    manifest = make_job(store, [rows], spec=spec, result_format=result_format)
    outcomes = [Outcome.ok("r1", result, Usage()), Outcome.failed("r2", Code.TOO_LONG, "too long")]

    def read_part(_manifest: Manifest, _shard_no: int) -> Iterator[Outcome]:
        return iter(outcomes)

    results, errors = folder / f"results.{result_format}", folder / "errors.jsonl"
    results.write_bytes(store.get(write_results(store, manifest, read_part)) or b"")
    errors.write_bytes(store.get(write_errors(store, manifest, read_part)) or b"")
    return str(results), str(errors)


@pytest.mark.parametrize("result_format", ResultFormat)
@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"text": "hi", "note": "x"},
        {"label": "theirs", "confidence": "9", "summary": "theirs", "status": "open", "error": "E1"},
        {"bydawn_label": "an earlier job's", "bydawn_summary": "theirs", "scores": "3"},
        {"status": "open", "error": "E1", "label": "theirs", "summary": "theirs"},
    ],
)
@pytest.mark.parametrize(
    ("spec", "result", "answer"),
    [
        (CLASSIFY, CLASSIFIED, OneLabel("a", 0.75)),
        (CLASSIFY.model_copy(update={"scores": False}), {"label": "b"}, OneLabel("b", None)),
        (SummarizeSpec(), SUMMARISED, Summary('two\nlines, "quoted"', None)),
    ],
)
def test_a_jobs_own_fields_are_found_beside_whatever_columns_the_input_has(
    tmp_path: Path,
    result_format: ResultFormat,
    columns: dict[str, Any],
    spec: Spec,
    result: dict[str, Any],
    answer: Answer,
) -> None:
    results, errors = _written(tmp_path, spec, result, columns, result_format)
    found = read_results(results, errors, None)
    assert found.answers == {"r1": answer}
    assert found.ends == {"r2": "too_long"}


@pytest.mark.parametrize("spec", [GenerateSpec(), EmbedSpec()])
@pytest.mark.parametrize("result_format", ResultFormat)
def test_results_of_other_kinds_are_refused_by_name(
    tmp_path: Path, spec: Spec, result_format: ResultFormat
) -> None:
    result = {"text": "a"} if spec.kind == "generate" else {"embedding": [0.5]}
    results, _ = _written(tmp_path, spec, result, {"label": "theirs"}, result_format)
    with pytest.raises(InputError, match=f"of an? {spec.kind} job"):
        read_results(results, None, None)


def _read(tmp_path: Path, name: str, text: str, id_field: str | None = None) -> Results:
    (tmp_path / name).write_text(text, encoding="utf-8")
    return read_results(str(tmp_path / name), None, id_field)


def _lines(*records: dict[str, Any]) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def test_labels_that_were_offered_are_those_with_scores(tmp_path: Path) -> None:
    found = _read(tmp_path, "r.jsonl", _lines({"id": "1", **CLASSIFIED}, {"id": "2", "label": None}))
    assert found.offered == {"a", "b"}
    assert found.answers["2"] == OneLabel(None, None)


def test_several_labels_and_marks_of_low_quality_are_read(tmp_path: Path) -> None:
    many = _read(tmp_path, "m.jsonl", _lines({"id": 1, "labels": ["a", "b"]}, {"id": 2, "labels": []}))
    assert many.kind is AnswerKind.LABELS
    assert many.answers == {"1": ManyLabels(frozenset("ab")), "2": ManyLabels(frozenset())}
    rows = [{"id": "1", "summary": "s"}, {"id": "2", "summary": "t", "low_quality": "repetitive"}]
    marked = _read(tmp_path, "s.jsonl", _lines(*rows))
    assert marked.answers == {"1": Summary("s", None), "2": Summary("t", "repetitive")}


def test_a_table_of_somebody_elses_needs_an_id_and_an_answer_alone(tmp_path: Path) -> None:
    found = _read(tmp_path, "r.csv", "confidence,label,ticket\n0.5,a,T1\n,,T2\n", id_field="ticket")
    assert found.answers == {"T1": OneLabel("a", 0.5), "T2": OneLabel(None, None)}
    many = _read(tmp_path, "m.csv", 'id,labels\n1,a|b\n2,"[""a"", ""c""]"\n')
    assert many.answers == {"1": ManyLabels(frozenset("ab")), "2": ManyLabels(frozenset("ac"))}


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("r.csv", "label\na\n", "--id-field"),
        ("r.csv", "id,label\n1,a\n1,b\n", "r.csv:3: the id '1' comes twice"),
        ("r.csv", "id,name\n1,a\n", "columns are: 'id', 'name'"),
        ("r.csv", "id,label,confidence\n1,a,1.5\n", "from 0 to 1, not '1.5'"),
        ("r.csv", "id,label,confidence\n1,a,nan\n", "from 0 to 1"),
        ("r.jsonl", '{"id": "1", "label": {"a": 1}}\n', "a label must be a text"),
        ("r.jsonl", "", "the file is empty"),
    ],
)
def test_what_no_job_writes_is_refused_with_its_place(
    tmp_path: Path, name: str, text: str, said: str
) -> None:
    with pytest.raises(InputError) as refused:
        _read(tmp_path, name, text)
    assert said in str(refused.value)


def test_bytes_that_are_no_utf8_are_marked_and_hurt_nobody(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_bytes(b"id,label\n1,caf\xe9\n")
    (tmp_path / "r.jsonl").write_text('{"id": "1", "summary": "half \\ud83d"}\n')
    assert read_results(str(tmp_path / "r.csv"), None, None).answers == {"1": OneLabel("caf\ufffd", None)}
    assert read_results(str(tmp_path / "r.jsonl"), None, None).answers == {"1": Summary("half \ufffd", None)}
