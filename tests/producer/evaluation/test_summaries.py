"""`bydawn evaluate` on summaries."""

from pathlib import Path

from tests.producer.evaluation.files import Run, in_json, write


def test_summaries_have_figures_and_shares(run: Run, summarised: None) -> None:
    arguments = ("ours.jsonl", "--truth", "truth.jsonl", "--text-field", "body", "--max-words", "6")
    evaluation = in_json(run, *arguments)["evaluation"]
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
    write(tmp_path / "out" / "results.jsonl", {"id": "1", "summary": "The cat sat."})
    write(tmp_path / "out" / "errors.jsonl", {"id": "2", "status": "failed", "code": "needs_ocr"})
    (tmp_path / "t.csv").write_text("id,summary\n1,The cat sat.\n2,The dog ran.\n")
    averages = {
        each["name"]: each for each in in_json(run, "out", "--truth", "t.csv")["evaluation"]["averages"]
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
    write(tmp_path / "r.jsonl", {"id": "a.txt", "summary": "The cat sat."})
    (tmp_path / "t.csv").write_text("id,summary\na.txt,The cat sat.\n")
    evaluation = in_json(run, "r.jsonl", "--truth", "t.csv", "--source", "docs")["evaluation"]
    averages = {each["name"]: each["mean"] for each in evaluation["averages"]}
    assert (evaluation["with_source"], averages["supported_sentences"]) == (1, 1.0)
    assert averages["compression"] == 0.5


def test_two_results_are_compared_row_by_row(run: Run, summarised: None, tmp_path: Path) -> None:
    arguments = ("ours.jsonl", "--truth", "truth.jsonl", "--versus", "theirs.jsonl", "--html", "page.html")
    versus = in_json(run, *arguments)["versus"]
    differences = {each["name"]: each["difference"] for each in versus["differences"]}
    assert (versus["other"], versus["rows"]) == ("theirs.jsonl", 2)
    assert differences["rouge_l"]["difference"] == 0.5
    assert (differences["rouge_l"]["higher"], differences["rouge_l"]["lower"]) == (1, 0)
    assert differences["rouge_l"]["low"] == 0.0
    code, out, _ = run(*arguments)
    assert (code, "against theirs.jsonl, on 2 rows of both" in out) == (0, True)
    assert max(map(len, out.splitlines())) <= 80
    assert "the other&#39;s summary" in (tmp_path / "page.html").read_text()
