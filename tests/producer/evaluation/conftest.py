"""Results and truths on disk, and the command over them."""

from pathlib import Path

import pytest

from producer.cli import main
from tests.producer.evaluation.files import Run, label_of, write


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


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """An OUT folder with four rows right, one wrong, one left open and one failed; and their truth."""
    out = tmp_path / "out"
    out.mkdir()
    given = [("1", "a", 0.95), ("2", "a", 0.9), ("3", "b", 0.8), ("4", "b", 0.7), ("5", "b", 0.75)]
    write(out / "results.jsonl", *(label_of(*row) for row in given), label_of("6", None, 0.2))
    write(out / "errors.jsonl", {"id": "7", "status": "failed", "code": "too_long", "message": "m"})
    right = ["a", "a", "b", "b", "a", "a", "b", "a", "c"]
    write(
        tmp_path / "truth.jsonl",
        *({"id": str(n), "label": label, "text": f"text {n}"} for n, label in enumerate(right, 1)),
    )
    return out


@pytest.fixture
def summarised(tmp_path: Path) -> None:
    good, bad = "The cat sat on the mat.", "Dogs ran over 7 hills and then they"
    write(
        tmp_path / "ours.jsonl",
        {"id": "1", "summary": good},
        {"id": "2", "summary": bad, "low_quality": "repetitive"},
    )
    write(tmp_path / "theirs.jsonl", {"id": "1", "summary": bad}, {"id": "2", "summary": bad})
    source = "One day the cat sat on the mat, and purred. Then it slept."
    write(
        tmp_path / "truth.jsonl",
        *({"id": row_id, "summary": "The cat sat on the mat.", "body": source} for row_id in "12"),
    )
