"""What `bydawn evaluate` refuses, and what it says first when files don't fit together."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.producer.evaluation.files import Run, in_json, write


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
    assert in_json(run, "out", "--truth", "truth.jsonl")["evaluation"]["accuracy_of_truth"] is None
    assert "of all the truth" not in run("out", "--truth", "truth.jsonl")[1]


def test_failed_rows_of_a_job_are_not_those_of_another_file_beside_it(run: Run, labelled: Path) -> None:
    write(labelled / "baseline.jsonl", *({"id": str(n), "label": "a"} for n in range(1, 7)))
    rows = in_json(run, "out/baseline.jsonl", "--truth", "truth.jsonl")["evaluation"]["rows"]
    assert (rows["compared"], rows["failed"]) == (6, {})
    rows = in_json(run, "out/results.jsonl", "--truth", "truth.jsonl")["evaluation"]["rows"]
    assert (rows["compared"], rows["failed"]) == (7, {"too_long": 1})


def test_labels_that_the_job_never_knew_are_told_first_with_what_they_may_be(
    run: Run, labelled: Path, tmp_path: Path
) -> None:
    (tmp_path / "t.csv").write_text("id,label\n1,A\n2,a\n3,other\n")
    never_offered = in_json(run, "out", "--truth", "t.csv")["evaluation"]["never_offered"]
    assert never_offered == [{"label": "A", "closest": "a"}, {"label": "other", "closest": None}]
    out = run("out", "--truth", "t.csv", "--html", "page.html")[1]
    told = " ".join(out.split())
    assert "right labels that the job did not know" in told
    assert "'A' (meant as 'a'?), 'other'" in told
    assert told.index("did not know") < told.index("accuracy")
    page = (tmp_path / "page.html").read_text()
    assert "<bdi>A</bdi> (meant as <bdi>a</bdi>?), <bdi>other</bdi>" in page
    assert page.index("did not know") < page.index('<div class="tiles">')


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
