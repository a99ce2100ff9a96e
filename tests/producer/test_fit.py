"""`bydawn fit` refuses what no head can be made of before anything is started or written."""

import re
from pathlib import Path

import pytest

from producer.cli import main

REFUSED: dict[str, tuple[str, tuple[str, ...], str]] = {
    "an unknown column": ("text,label\na,x\n", ("--label-field", "lable"), "'lable' (--label-field)"),
    "one label": ("text,label\na,x\nb,x\n", (), "only the label 'x'"),
    "too few rows of a label": ("text,label\na,x\nb,y\n", (), "'x' has 1 row, 'y' has 1 row"),
    "a pool that there is none of": (
        "text,label\na,x\nb,x\nc,y\nd,y\n",
        ("--folds", "2", "--pool", "max"),
        "--pool can't be 'max'",
    ),
    "no file": ("", (), "the file is empty"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_history_or_an_option_that_is_no_good_is_refused_before_any_work(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, options, told = REFUSED[case]
    source = tmp_path / "h.csv"
    source.write_text(text)
    with pytest.raises(SystemExit) as ended:
        main(["fit", str(source), *options, "--out", str(tmp_path / "head")])
    assert ended.value.code == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "head").exists()


def test_a_file_in_the_heads_place_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "h.csv").write_text("text,label\na,x\n")
    with pytest.raises(SystemExit):
        main(["fit", str(tmp_path / "h.csv"), "--out", str(tmp_path / "h.csv")])
    assert "--out must be a folder" in capsys.readouterr().err


def test_a_folder_of_documents_is_no_history(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").write_text("some text")
    with pytest.raises(SystemExit):
        main(["fit", str(tmp_path / "docs"), "--out", str(tmp_path / "head")])
    assert "documents have no labels" in capsys.readouterr().err
    assert not (tmp_path / "head").exists()


@pytest.mark.integration
def test_a_queue_that_cannot_be_used_is_told_with_the_way_to_do_without(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, valkey_url: str
) -> None:
    (tmp_path / "h.csv").write_text("text,label\na,x\nb,x\nc,y\nd,y\n")
    monkeypatch.setenv("BYDAWN_STORE", str(tmp_path / "store"))
    for url, told in (
        (valkey_url, "no worker serves the model"),
        ("redis://127.0.0.1:1/0", "no Redis answers"),
    ):
        monkeypatch.setenv("BYDAWN_BROKER_URL", url)
        with pytest.raises(SystemExit) as ended:
            main(["fit", str(tmp_path / "h.csv"), "--folds", "2", "--out", str(tmp_path / "head")])
        complaint = capsys.readouterr().err
        assert (ended.value.code, told in complaint) == (2, True)
        assert "or unset BYDAWN_BROKER_URL (or leave --broker out) to fit on this machine" in complaint
        assert not (tmp_path / "head").exists()


def test_the_help_says_when_a_queue_is_used(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["fit", "--help"])
    words = " ".join(re.sub(r"[^\w\s.:/=_-]", " ", capsys.readouterr().out).split())
    assert "without it this machine does" in words
