"""A job asked for labels alone computes, says and shows nothing else."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from jobs.spec import Spec
from producer import screen
from producer.commands.compose import compose
from producer.commands.kinds.classify import classify


@pytest.mark.parametrize(("flags", "scores"), [(["--label-only"], False), ([], True)])
def test_the_flag_leaves_the_scores_out(flags: list[str], scores: bool) -> None:
    asked: list[Spec] = []

    def act(spec: Spec) -> None:
        asked.append(spec)

    app = typer.Typer()
    app.command()(compose(classify, act))
    assert CliRunner().invoke(app, ["--labels", "a,b", *flags]).exit_code == 0
    assert [spec.model_dump()["scores"] for spec in asked] == [scores]


@pytest.mark.parametrize("more", [{}, {"confidence": 0.75}])
def test_first_results_show_a_confidence_where_there_is_one(
    more: dict[str, float], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = tmp_path / "results.jsonl"
    results.write_text(json.dumps({"id": "r1", "label": "bug", **more}) + "\n")
    screen.show_first_results("classify", results, 1)
    shown = capsys.readouterr().out
    assert "bug" in shown
    assert ("confidence" in shown) is ("0.75" in shown) is bool(more)


def test_first_results_show_that_a_row_has_no_label(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = tmp_path / "results.jsonl"
    results.write_text(
        json.dumps({"id": "r1", "label": None, "confidence": 0.25, "candidates": [{"label": "bug"}]}) + "\n"
    )
    screen.show_first_results("classify", results, 1)
    shown = capsys.readouterr().out
    assert "None" not in shown
    assert "none (perhaps bug)" in shown
    assert "0.25" in shown


def test_first_results_show_all_labels_of_a_row_that_has_several(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = tmp_path / "results.jsonl"
    results.write_text(json.dumps({"id": "r1", "labels": ["bug", "billing"], "scores": {}}) + "\n")
    screen.show_first_results("classify", results, 1)
    assert "bug, billing" in capsys.readouterr().out
