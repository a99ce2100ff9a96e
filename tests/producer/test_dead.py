"""`bydawn dead` needs the store alone."""

import json
from datetime import UTC, datetime
from pathlib import Path

from typer.testing import CliRunner

from jobs import layout
from jobs.dead_letters import record_dead_letters
from jobs.outcome import Code, Outcome
from jobs.stores import open_store
from producer.cli import app

JOB = "20260301t000000-00000001"


def _dead(store: Path, *options: str) -> str:
    done = CliRunner().invoke(app, ["dead", "--store", str(store), *options], env={"COLUMNS": "120"})
    assert done.exit_code == 0, done.output
    return done.output


def test_dead_rows_are_listed_for_people_and_for_programs(tmp_path: Path) -> None:
    dead = [Outcome.failed(row_id, Code.POISON, "died") for row_id in ("T-7", "odd\x1b[31m id")]
    store = open_store(str(tmp_path))
    store.put(layout.manifest(JOB), b"{}")
    record_dead_letters(store, JOB, 2, dead, datetime.now(UTC))
    table = _dead(tmp_path)
    assert JOB in table
    assert "T-7" in table
    assert "\x1b[31m" not in table, "an id is not for the terminal to obey"
    (letters,) = json.loads(_dead(tmp_path, "--json"))
    assert [(row["id"], row["code"]) for row in letters["rows"]] == [
        ("T-7", "poison"),
        ("odd\x1b[31m id", "poison"),
    ]


def test_where_nothing_died_the_list_is_empty(tmp_path: Path) -> None:
    assert json.loads(_dead(tmp_path, "--json")) == []
    assert _dead(tmp_path).split(" in ")[0] == "no row has killed an engine"
