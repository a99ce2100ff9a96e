"""`bydawn evaluate` on files, as a user gives it."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from jobs import layout
from jobs.manifest import JobState, Report
from jobs.outcome import Counts
from jobs.spec import SummarizeSpec
from jobs.stores import LocalStore
from producer.cli import main
from tests.worker.fakes import make_job, rows

Run = Callable[..., tuple[int, str, str]]
HOSTILE = "<script>alert(1)</script>\x1b[2J\x00\u202e\"'>{{ 7*7 }} $x^2$ <img src=x onerror=alert(1)>"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("BYDAWN_STORE", raising=False)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        """The exit code, and what was printed on the two streams."""
        with pytest.raises(SystemExit) as ended:
            main(["evaluate", *arguments])
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return run


def _json(run: Run, *arguments: str) -> dict[str, Any]:
    code, out, err = run(*arguments, "--json")
    assert code == 0
    assert all(line.endswith(" is written") for line in err.splitlines())
    document: dict[str, Any] = json.loads(out)
    return document


def _write(path: Path, *records: dict[str, Any]) -> None:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


def _label(row_id: str, label: str | None, confidence: float) -> dict[str, Any]:
    return {"id": row_id, "label": label, "confidence": confidence, "scores": {"a": 0.5, "b": 0.5}}


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """An OUT folder with four rows right, one wrong, one left open and one failed; and their truth."""
    out = tmp_path / "out"
    out.mkdir()
    given = [("1", "a", 0.95), ("2", "a", 0.9), ("3", "b", 0.8), ("4", "b", 0.7), ("5", "b", 0.75)]
    _write(out / "results.jsonl", *(_label(*row) for row in given), _label("6", None, 0.2))
    _write(out / "errors.jsonl", {"id": "7", "status": "failed", "code": "too_long", "message": "m"})
    right = ["a", "a", "b", "b", "a", "a", "b", "a", "c"]
    _write(
        tmp_path / "truth.jsonl",
        *({"id": str(n), "label": label, "text": f"text {n}"} for n, label in enumerate(right, 1)),
    )
    return out


def test_labels_are_counted_calibrated_and_covered(run: Run, labelled: Path) -> None:
    found = _json(run, "out", "--truth", "truth.jsonl")
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


def test_rows_of_the_truth_that_the_results_lack_are_told_before_the_accuracy(
    run: Run, labelled: Path
) -> None:
    (labelled / "results.jsonl").rename("alone.jsonl")
    code, out, _ = run("alone.jsonl", "--truth", "truth.jsonl", "--html", "page.html")
    told = [line.split() for line in out.splitlines()]
    assert code == 0
    assert next(line for line in told if line[:4] == ["of", "all", "the", "truth"])[4] == "0.444"
    of_truth, of_compared = (out.index(figure) for figure in ("0.444", "0.667"))
    assert of_truth < of_compared
    assert "failed rows are known of a run's folder" in " ".join(out.split())
    page = Path("page.html").read_text(encoding="utf-8")
    assert page.index("<b>0.444</b>") < page.index("<b>0.667</b>")


def test_where_the_results_have_every_row_of_the_truth_one_accuracy_is_told(run: Run, labelled: Path) -> None:
    rows = Path("truth.jsonl").read_text().splitlines(keepends=True)
    Path("truth.jsonl").write_text("".join(rows[:7]))
    assert _json(run, "out", "--truth", "truth.jsonl")["evaluation"]["accuracy_of_truth"] is None
    assert "of all the truth" not in run("out", "--truth", "truth.jsonl")[1]


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
    _write(tmp_path / "r.jsonl", {"id": "1", label: given})
    _write(tmp_path / "t.jsonl", {"id": "1", label: "b", "body": "the text"})
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
    _write(tmp_path / "r.jsonl", *(_label(str(n), "a", n / 10) for n in range(9)))
    _write(tmp_path / "t.jsonl", *({"id": str(n), "label": "b"} for n in range(9)))
    worst = _json(run, "r.jsonl", "--truth", "t.jsonl")["evaluation"]["worst"]
    assert [each["id"] for each in worst] == list("876543210")


def test_failed_rows_of_a_job_are_not_those_of_another_file_beside_it(run: Run, labelled: Path) -> None:
    _write(labelled / "baseline.jsonl", *({"id": str(n), "label": "a"} for n in range(1, 7)))
    rows = _json(run, "out/baseline.jsonl", "--truth", "truth.jsonl")["evaluation"]["rows"]
    assert (rows["compared"], rows["failed"]) == (6, {})
    rows = _json(run, "out/results.jsonl", "--truth", "truth.jsonl")["evaluation"]["rows"]
    assert (rows["compared"], rows["failed"]) == (7, {"too_long": 1})


def test_thresholds_have_3_digits_keep_their_row_and_are_said_to_be_chosen_here(
    run: Run, tmp_path: Path
) -> None:
    _write(tmp_path / "r.jsonl", _label("1", "a", 0.98765), _label("2", "b", 0.5))
    (tmp_path / "t.csv").write_text("id,label\n1,a\n2,a\n")
    code, out, _ = run("r.jsonl", "--truth", "t.csv", "--html", "page.html")
    page = (tmp_path / "page.html").read_text()
    assert code == 0
    for shown in (out, page):
        assert ("0.987" in shown, "0.9876" in shown, "0.988" in shown) == (True, False, False)
        assert "chosen on these very rows" in " ".join(shown.split())
    found = _json(run, "r.jsonl", "--truth", "t.csv")["evaluation"]["coverage"]
    assert found[0]["threshold"] == 0.98765


def test_labels_without_confidences_have_no_calibration_and_it_is_said(run: Run, tmp_path: Path) -> None:
    _write(tmp_path / "r.jsonl", {"id": "1", "label": "a"}, {"id": "2", "label": "b"})
    (tmp_path / "t.csv").write_text("id,label\n1,a\n2,a\n")
    evaluation = _json(run, "r.jsonl", "--truth", "t.csv")["evaluation"]
    assert (evaluation["calibration"], evaluation["coverage"]) == (None, [])
    assert evaluation["worst"][0]["confidence"] is None
    code, out, _ = run("r.jsonl", "--truth", "t.csv", "--html", "page.html")
    assert (code, "no calibration and no coverage" in out) == (0, True)
    assert "No calibration and no coverage" in (tmp_path / "page.html").read_text()


def test_labels_that_the_job_never_knew_are_told_first_with_what_they_may_be(
    run: Run, labelled: Path, tmp_path: Path
) -> None:
    (tmp_path / "t.csv").write_text("id,label\n1,A\n2,a\n3,other\n")
    never_offered = _json(run, "out", "--truth", "t.csv")["evaluation"]["never_offered"]
    assert never_offered == [{"label": "A", "closest": "a"}, {"label": "other", "closest": None}]
    out = run("out", "--truth", "t.csv", "--html", "page.html")[1]
    told = " ".join(out.split())
    assert "right labels that the job did not know" in told
    assert "'A' (meant as 'a'?), 'other'" in told
    assert told.index("did not know") < told.index("accuracy")
    page = (tmp_path / "page.html").read_text()
    assert "<bdi>A</bdi> (meant as <bdi>a</bdi>?), <bdi>other</bdi>" in page
    assert page.index("did not know") < page.index('<div class="tiles">')


def test_several_labels_per_row(run: Run, tmp_path: Path) -> None:
    _write(tmp_path / "r.jsonl", {"id": "1", "labels": ["a", "b"]}, {"id": "2", "labels": ["c"]})
    (tmp_path / "t.csv").write_text("id,topics\n1,b|a\n2,a\n")
    found = _json(run, "r.jsonl", "--truth", "t.csv", "--label-field", "topics", "--html", "page.html")
    assert found["evaluation"]["figures"]["subset_accuracy"] == 0.5
    assert found["evaluation"]["worst"][0]["missing"] == ["a"]
    assert "Most labels wrong" in (tmp_path / "page.html").read_text()
    code, out, _ = run("r.jsonl", "--truth", "t.csv", "--label-field", "topics")
    assert (code, "all labels right" in out) == (0, True)


@pytest.fixture
def summarised(tmp_path: Path) -> None:
    good, bad = "The cat sat on the mat.", "Dogs ran over 7 hills and then they"
    _write(
        tmp_path / "ours.jsonl",
        {"id": "1", "summary": good},
        {"id": "2", "summary": bad, "low_quality": "repetitive"},
    )
    _write(tmp_path / "theirs.jsonl", {"id": "1", "summary": bad}, {"id": "2", "summary": bad})
    source = "One day the cat sat on the mat, and purred. Then it slept."
    _write(
        tmp_path / "truth.jsonl",
        *({"id": row_id, "summary": "The cat sat on the mat.", "body": source} for row_id in "12"),
    )


def test_summaries_have_figures_and_shares(run: Run, summarised: None) -> None:
    arguments = ("ours.jsonl", "--truth", "truth.jsonl", "--text-field", "body", "--max-words", "6")
    evaluation = _json(run, *arguments)["evaluation"]
    averages = {each["name"]: each for each in evaluation["averages"]}
    assert averages["rouge_l"]["mean"] == 0.5
    assert averages["supported_sentences"]["mean"] == 0.5
    assert (averages["supported_numbers"]["mean"], averages["supported_numbers"]["rows"]) == (0.0, 1)
    assert (evaluation["ends_whole"], evaluation["over_limit"]) == (0.5, 0.5)
    assert (evaluation["low_quality"], evaluation["low_quality_share"]) == ({"repetitive": 1}, 0.5)
    assert evaluation["worst"][0]["unsupported"] == ["dogs", "ran", "hills", "7"]
    code, out, _ = run(*arguments)
    assert (code, max(map(len, out.splitlines())) <= 80) == (0, True)


def test_a_row_without_a_summary_counts_as_0_in_rouge_and_nowhere_else(run: Run, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    _write(tmp_path / "out" / "results.jsonl", {"id": "1", "summary": "The cat sat."})
    _write(tmp_path / "out" / "errors.jsonl", {"id": "2", "status": "failed", "code": "needs_ocr"})
    (tmp_path / "t.csv").write_text("id,summary\n1,The cat sat.\n2,The dog ran.\n")
    averages = {
        each["name"]: each for each in _json(run, "out", "--truth", "t.csv")["evaluation"]["averages"]
    }
    assert (averages["rouge_l"]["mean"], averages["rouge_l"]["rows"]) == (0.5, 2)
    assert (averages["words"]["mean"], averages["words"]["rows"]) == (3, 1)
    code, out, _ = run("out", "--truth", "t.csv", "--html", "page.html")
    assert (code, "count as 0 in ROUGE" in out, "no sources" in out) == (0, True, True)
    assert "This row has no summary" in (tmp_path / "page.html").read_text()


def test_sources_may_be_a_folder_of_documents(run: Run, summarised: None, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").write_text("The cat sat on a mat.")
    (tmp_path / "docs" / "b.md").write_text("Nothing.")
    _write(tmp_path / "r.jsonl", {"id": "a.txt", "summary": "The cat sat."})
    (tmp_path / "t.csv").write_text("id,summary\na.txt,The cat sat.\n")
    evaluation = _json(run, "r.jsonl", "--truth", "t.csv", "--source", "docs")["evaluation"]
    averages = {each["name"]: each["mean"] for each in evaluation["averages"]}
    assert (evaluation["with_source"], averages["supported_sentences"]) == (1, 1.0)
    assert averages["compression"] == 0.5


def test_two_results_are_compared_row_by_row(run: Run, summarised: None, tmp_path: Path) -> None:
    arguments = ("ours.jsonl", "--truth", "truth.jsonl", "--versus", "theirs.jsonl", "--html", "page.html")
    versus = _json(run, *arguments)["versus"]
    differences = {each["name"]: each["difference"] for each in versus["differences"]}
    assert (versus["other"], versus["rows"]) == ("theirs.jsonl", 2)
    assert differences["rouge_l"]["difference"] == 0.5
    assert (differences["rouge_l"]["higher"], differences["rouge_l"]["lower"]) == (1, 0)
    assert differences["rouge_l"]["low"] == 0.0
    code, out, _ = run(*arguments)
    assert (code, "against theirs.jsonl, on 2 rows of both" in out) == (0, True)
    assert max(map(len, out.splitlines())) <= 80
    assert "the other&#39;s summary" in (tmp_path / "page.html").read_text()


def test_labels_of_two_results_are_compared_by_accuracy_and_macro_f1(
    run: Run, labelled: Path, tmp_path: Path
) -> None:
    _write(tmp_path / "b.jsonl", *({"id": str(n), "label": "a"} for n in range(1, 8)))
    versus = _json(run, "out", "--truth", "truth.jsonl", "--versus", "b.jsonl")["versus"]
    differences = {each["name"]: each["difference"] for each in versus["differences"]}
    assert (differences["accuracy"]["ours"], differences["accuracy"]["theirs"]) == (4 / 7, 4 / 7)
    other = _json(run, "b.jsonl", "--truth", "truth.jsonl")["evaluation"]["figures"]
    assert differences["macro_f1"]["theirs"] == pytest.approx(other["macro_f1"])
    ours = _json(run, "out", "--truth", "truth.jsonl")["evaluation"]["figures"]
    assert differences["macro_f1"]["ours"] == pytest.approx(ours["macro_f1"])


class _Page(HTMLParser):
    """What a browser would make of it: tags, attributes and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def _check_page(path: Path) -> _Page:
    body = path.read_text(encoding="utf-8")
    page = _Page(body)
    assert not {"script", "iframe", "object", "link"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    addresses = [value for name, value in page.attributes if name in ("src", "srcset", "href")]
    assert all(value is not None and value.startswith("data:image/png;base64,") for value in addresses)
    assert not set(body) & {"\x1b", "\x00", "\u202e"}
    assert {value for name, value in page.attributes if name == "media"} <= {
        "screen and (prefers-color-scheme: dark)"
    }
    return page


def test_hostile_labels_texts_and_ids_stay_text(run: Run, tmp_path: Path) -> None:
    _write(tmp_path / "r.jsonl", _label(HOSTILE, HOSTILE, 0.9), _label("2", "ok", 0.5))
    _write(
        tmp_path / "t.jsonl",
        {"id": HOSTILE, "label": HOSTILE + "!", "text": HOSTILE},
        {"id": "2", "label": "ok"},
    )
    code, out, _ = run("r.jsonl", "--truth", "t.jsonl", "--html", "page.html", "--picture", "matrix.png")
    assert code == 0
    assert not set(out) & {"\x1b", "\x00", "\u202e"}
    page = _check_page(tmp_path / "page.html")
    assert page.text.count("<script>alert(1)</script>") >= 4
    assert page.text.count("{{ 7*7 }}") >= 4
    assert (tmp_path / "matrix.png").read_bytes().startswith(b"\x89PNG")


def test_hostile_summaries_stay_text(run: Run, tmp_path: Path) -> None:
    _write(tmp_path / "r.jsonl", {"id": HOSTILE, "summary": HOSTILE, "low_quality": HOSTILE})
    _write(tmp_path / "t.jsonl", {"id": HOSTILE, "summary": HOSTILE, "text": HOSTILE})
    code, out, _ = run("r.jsonl", "--truth", "t.jsonl", "--versus", "r.jsonl", "--html", "page.html")
    assert code == 0
    assert not set(out) & {"\x1b", "\x00", "\u202e"}
    page = _check_page(tmp_path / "page.html")
    assert page.tags.count("article") == 1
    assert page.text.count("<script>alert(1)</script>") >= 5


def test_a_page_of_many_summaries_shows_the_worst_and_says_so(run: Run, tmp_path: Path) -> None:
    summaries = [{"id": str(n), "summary": "a b c d e f"[: 1 + n % 11]} for n in range(301)]
    _write(tmp_path / "r.jsonl", *summaries)
    _write(tmp_path / "t.jsonl", *({"id": str(n), "summary": "a b c d e f"} for n in range(301)))
    assert run("r.jsonl", "--truth", "t.jsonl", "--html", "page.html")[0] == 0
    page = _check_page(tmp_path / "page.html")
    assert page.tags.count("article") == 300
    assert "300 of 301 rows" in " ".join(page.text.split())


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
    evaluation = _json(run, *arguments)["evaluation"]
    assert (evaluation["max_words"], evaluation["over_limit"]) == (10, 1.0)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere.jsonl", "--truth", "truth.jsonl"), "there is no such file"),
        (("empty", "--truth", "truth.jsonl"), "holds no results"),
        (("out", "--truth", "nowhere.csv"), "there is no such file"),
        (("out", "--truth", "empty"), "a table is needed here"),
        (("out", "--truth", "others.csv"), "ids there are '1', '2', '3', here 'T1'"),
        (("out", "--truth", "truth.jsonl", "--label-field", "lable"), "did you mean 'label'"),
        (("out", "--truth", "truth.jsonl", "--summary-field", "text"), "give --label-field"),
        (("out", "--truth", "truth.jsonl", "--versus", "summaries.csv"), "only results of the same kind"),
        (("out", "--truth", "truth.jsonl", "--html", "nowhere/page.html"), "there is no folder nowhere"),
        (("out", "--truth", "truth.jsonl", "--html", "empty"), "can't be written"),
        (("out", "--truth", "truth.jsonl", "--picture", "matrix.svg"), "a picture is a .png file"),
        (("summaries.csv", "--truth", "summaries.csv", "--picture", "m.png"), "have a confusion matrix"),
        (
            ("others.csv", "--truth", "truth.jsonl", "--label-field", "x", "--summary-field", "y"),
            "one label a row",
        ),
        (
            ("summaries.csv", "--truth", "truth.jsonl", "--label-field", "label"),
            "holds summaries; give --summary",
        ),
        (("vectors.csv", "--truth", "truth.jsonl"), "is of an embed job"),
        (("nothing.csv", "--truth", "truth.jsonl"), "no column holds answers ('label', 'labels', 'summary')"),
        (("20260101t000000-00000001", "--truth", "truth.jsonl"), "BYDAWN_STORE"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line_and_leaves_no_file(
    run: Run, labelled: Path, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "others.csv").write_text("id,label\nT1,a\n")
    (tmp_path / "summaries.csv").write_text("id,summary\n1,a\n")
    (tmp_path / "vectors.csv").write_text("id,embedding\n1,2\n")
    (tmp_path / "nothing.csv").write_text("id,x\n1,2\n")
    before = sorted(tmp_path.rglob("*"))
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert not re.search(r"<\w+[.:]", err), "an object of Python's is no word of ours"
    assert err.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_without_the_extra_the_remedy_is_named_and_other_commands_work(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "absent = {'sklearn', 'numpy', 'matplotlib', 'rouge_score', 'nltk', 'scipy'}\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] in absent:\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        "from producer.cli import main\n"
        "main(sys.argv[1:])\n"
    )

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", program, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    there = tmp_path / "r.jsonl"
    there.touch()
    missing = run("evaluate", str(there), "--truth", "t.csv")
    assert "t.csv: there is no such file or folder" in missing.stderr, "it takes no package to see that"
    refused = run("evaluate", str(there), "--truth", str(there))
    assert refused.returncode == 2
    assert "pip install '.[evaluate]'" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert run("evaluate", "--help").returncode == 0
    assert run("run", "--help").returncode == 0
