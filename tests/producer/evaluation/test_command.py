"""`bydawn evaluate` on files, as a user gives it."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jobs import layout
from jobs.manifest import JobState, Report
from jobs.outcome import Counts
from jobs.spec import SummarizeSpec
from jobs.stores import LocalStore
from tests.producer.evaluation.files import Run, in_json, label_of, write
from tests.worker.fakes import make_job, rows


def test_labels_are_counted_calibrated_and_covered(run: Run, labelled: Path) -> None:
    found = in_json(run, "out", "--truth", "truth.jsonl")
    evaluation = found["evaluation"]
    assert (found["results"], found["truth"], found["versus"]) == ("out", "truth.jsonl", None)
    assert evaluation["rows"]["compared"] == 7
    assert evaluation["rows"]["failed"] == {"too_long": 1}
    assert evaluation["rows"]["without_outcome_examples"] == ["8", "9"]
    assert evaluation["abstained"] == 1
    assert evaluation["figures"]["accuracy"] == 4 / 7
    assert evaluation["figures"]["accuracy_answered"] == 4 / 5
    assert evaluation["accuracy_of_truth"] == 4 / 9
    # a: 2 of 4 found, nothing else taken for it; b: 2 of 3 found, one a taken for it.
    assert evaluation["figures"]["macro_f1"] == pytest.approx((4 / 6 + 4 / 6) / 2)
    # (0.6, 0.7]: |1 - 0.7|. (0.7, 0.8]: 2 rows, |0.5 - 0.775|. (0.8, 0.9]: 0.1. (0.9, 1]: 0.05.
    assert evaluation["calibration"]["error"] == pytest.approx((0.3 + 2 * 0.275 + 0.1 + 0.05) / 5)
    assert [(each["threshold"], each["answers"]) for each in evaluation["coverage"]] == [(0.8, 3)] * 3
    (worst,) = evaluation["worst"]
    assert worst == {"id": "5", "truth": "a", "given": "b", "confidence": 0.75, "text": "text 5"}


def test_on_a_terminal_all_of_it_fits_80_columns(run: Run, labelled: Path) -> None:
    code, out, _ = run("out", "--truth", "truth.jsonl", "--label-field", "label")
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    assert "7 rows compared, 5 with an answer, 1 left open, 1 not ok (too_long 1)" in out
    assert "rows without an answer count as wrong" in out
    assert "left out: 2 rows of the truth that the results don't have, as '8', '9'" in out
    for said in ("accuracy", "0.571", "calibration error", "per label", "most often confused", "text 5"):
        assert said in out


def test_all_shares_are_written_alike_on_the_terminal_and_on_the_page(
    run: Run, labelled: Path, tmp_path: Path
) -> None:
    _, out, err = run("out", "--truth", "truth.jsonl", "--html", "q.html")
    assert err == "q.html is written\n"
    shown = re.findall(r"[0-9.]+ ?%", out)
    assert {"90.0 %", "99.0 %", "42.9 %", "100.0 %"} <= set(shown)
    cells = re.findall(r">([0-9.]+ ?%)<", (tmp_path / "q.html").read_text())
    assert "42.9 %" in cells
    assert all(re.fullmatch(r"\d+\.\d %", each) for each in (*shown, *cells))


@pytest.mark.parametrize("label", ["label", "labels"])
def test_mistakes_whose_texts_are_not_known_have_no_empty_column_and_the_remedy_is_told(
    run: Run, tmp_path: Path, label: str
) -> None:
    given = {"label": "a", "labels": ["a"]}[label]
    write(tmp_path / "r.jsonl", {"id": "1", label: given})
    write(tmp_path / "t.jsonl", {"id": "1", label: "b", "body": "the text"})
    arguments = ("r.jsonl", "--truth", "t.jsonl", "--html", "page.html")
    code, out, err = run(*arguments)
    assert (code, "text" in out) == (0, False)
    told = "name the text's column with --text-field to see the texts of the mistakes\n"
    assert err == f"{told}page.html is written\n"
    assert '<th class="text">text</th>' not in (tmp_path / "page.html").read_text()
    _, out, err = run(*arguments, "--text-field", "body")
    assert ("the text" in out, err) == (True, "page.html is written\n")
    page = (tmp_path / "page.html").read_text()
    assert ('<th class="text">text</th>' in page, "the text" in page) == (True, True)


def test_the_surest_mistakes_come_first(run: Run, tmp_path: Path) -> None:
    write(tmp_path / "r.jsonl", *(label_of(str(n), "a", n / 10) for n in range(9)))
    write(tmp_path / "t.jsonl", *({"id": str(n), "label": "b"} for n in range(9)))
    worst = in_json(run, "r.jsonl", "--truth", "t.jsonl")["evaluation"]["worst"]
    assert [each["id"] for each in worst] == list("876543210")


def test_thresholds_have_3_digits_keep_their_row_and_are_said_to_be_chosen_here(
    run: Run, tmp_path: Path
) -> None:
    write(tmp_path / "r.jsonl", label_of("1", "a", 0.98765), label_of("2", "b", 0.5))
    (tmp_path / "t.csv").write_text("id,label\n1,a\n2,a\n")
    code, out, _ = run("r.jsonl", "--truth", "t.csv", "--html", "page.html")
    page = (tmp_path / "page.html").read_text()
    assert code == 0
    for shown in (out, page):
        assert ("0.987" in shown, "0.9876" in shown, "0.988" in shown) == (True, False, False)
        assert "chosen on these very rows" in " ".join(shown.split())
    found = in_json(run, "r.jsonl", "--truth", "t.csv")["evaluation"]["coverage"]
    assert found[0]["threshold"] == 0.98765


def test_labels_without_confidences_have_no_calibration_and_it_is_said(run: Run, tmp_path: Path) -> None:
    write(tmp_path / "r.jsonl", {"id": "1", "label": "a"}, {"id": "2", "label": "b"})
    (tmp_path / "t.csv").write_text("id,label\n1,a\n2,a\n")
    evaluation = in_json(run, "r.jsonl", "--truth", "t.csv")["evaluation"]
    assert (evaluation["calibration"], evaluation["coverage"]) == (None, [])
    assert evaluation["worst"][0]["confidence"] is None
    code, out, _ = run("r.jsonl", "--truth", "t.csv", "--html", "page.html")
    assert (code, "no calibration and no coverage" in out) == (0, True)
    assert "No calibration and no coverage" in (tmp_path / "page.html").read_text()


def test_several_labels_per_row(run: Run, tmp_path: Path) -> None:
    write(tmp_path / "r.jsonl", {"id": "1", "labels": ["a", "b"]}, {"id": "2", "labels": ["c"]})
    (tmp_path / "t.csv").write_text("id,topics\n1,b|a\n2,a\n")
    found = in_json(run, "r.jsonl", "--truth", "t.csv", "--label-field", "topics", "--html", "page.html")
    assert found["evaluation"]["figures"]["subset_accuracy"] == 0.5
    assert found["evaluation"]["worst"][0]["missing"] == ["a"]
    assert "Most labels wrong" in (tmp_path / "page.html").read_text()
    code, out, _ = run("r.jsonl", "--truth", "t.csv", "--label-field", "topics")
    assert (code, "all labels right" in out) == (0, True)


def test_labels_of_two_results_are_compared_by_accuracy_and_macro_f1(
    run: Run, labelled: Path, tmp_path: Path
) -> None:
    write(tmp_path / "b.jsonl", *({"id": str(n), "label": "a"} for n in range(1, 8)))
    versus = in_json(run, "out", "--truth", "truth.jsonl", "--versus", "b.jsonl")["versus"]
    differences = {each["name"]: each["difference"] for each in versus["differences"]}
    assert (differences["accuracy"]["ours"], differences["accuracy"]["theirs"]) == (4 / 7, 4 / 7)
    other = in_json(run, "b.jsonl", "--truth", "truth.jsonl")["evaluation"]["figures"]
    assert differences["macro_f1"]["theirs"] == pytest.approx(other["macro_f1"])
    ours = in_json(run, "out", "--truth", "truth.jsonl")["evaluation"]["figures"]
    assert differences["macro_f1"]["ours"] == pytest.approx(ours["macro_f1"])


def test_results_of_a_job_come_from_its_store(run: Run, tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "the store")
    manifest = make_job(store, [rows("x", start=0)], spec=SummarizeSpec(max_words=10))
    results = layout.results(manifest.job_id, manifest.result_format)
    now = datetime.now(UTC)
    report = Report(
        job_id=manifest.job_id,
        state=JobState.SUCCEEDED,
        rows=1,
        counts=Counts(ok=1),
        failures=(),
        results=results,
        errors=None,
        created_at=now,
        finished_at=now,
    )
    (tmp_path / "t.csv").write_text("id,summary\nr0,The cat sat.\n")
    arguments = (manifest.job_id, "--truth", "t.csv", "--store", str(tmp_path / "the store"))
    code, _, err = run(*arguments)
    assert (code, "has not ended yet" in err) == (2, True)
    store.put(results, b'{"id": "r0", "summary": "one two three four five six seven eight nine ten 11"}\n')
    store.put(layout.report(manifest.job_id), report.model_dump_json().encode())
    evaluation = in_json(run, *arguments)["evaluation"]
    assert (evaluation["max_words"], evaluation["over_limit"]) == (10, 1.0)
