"""`bash ops/bench cpu`: what it says before and after it measures."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from ops.benchmark.cli import app


@pytest.mark.parametrize("option", ["--json", "--markdown"])
def test_a_report_whose_folder_is_missing_is_refused_before_anything_is_measured(
    option: str, tmp_path: Path
) -> None:
    file = tmp_path / "nowhere" / "report"
    # Without its data work c would be skipped, and end the command with 1.
    refused = CliRunner().invoke(app, ["cpu", "--works", "c", option, str(file)], env={"COLUMNS": "500"})
    assert refused.exit_code == 2
    assert f"{option} {file}" in refused.output
    assert "make it first" in refused.output


def test_a_run_in_which_all_was_skipped_fails_with_a_word(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    arguments = ["cpu", "--works", "c", "--systems", "bydawn", "--data", str(tmp_path), "--json", str(report)]
    skipped = CliRunner().invoke(app, arguments)
    assert skipped.exit_code == 1
    assert "nothing was measured" in skipped.output
    assert not report.exists()
