"""Rows that are labelled are none of those that are learned from, and the same on every machine."""

import json
from collections import Counter
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ops.benchmark.cli import app
from ops.benchmark.labels.orders import NUM_ORDERS, count_moved, orders_of
from ops.benchmark.labels.splits import BANKING, CLINC, banking, clinc, some_of_each, write


def _data(folder: Path, name: str, labels: list[str], rows: int) -> Path:
    lines = [{"id": str(n), "text": f"text {n}", "label": labels[n % len(labels)]} for n in range(rows)]
    (folder / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def test_rows_that_are_learned_from_are_not_labelled(tmp_path: Path) -> None:
    split = clinc(_data(tmp_path, CLINC, ["work", "home", "out_of_scope"], 3600))
    assert len(split.test) == 1000
    assert not {row["id"] for row in split.test} & {row["id"] for row in split.pool}
    assert len(split.test) + len(split.pool) == 2400
    assert split.labels == ["home", "work"]
    assert clinc(tmp_path) == split


def test_thirty_rows_of_each_label_are_learned_from(tmp_path: Path) -> None:
    split = banking(_data(tmp_path, BANKING, ["a", "b", "c"], 1500))
    assert Counter(row["label"] for row in split.pool) == {"a": 30, "b": 30, "c": 30}
    assert not {row["id"] for row in split.test} & {row["id"] for row in split.pool}


def test_examples_are_as_many_of_each_label_and_others_with_another_seed(tmp_path: Path) -> None:
    pool = clinc(_data(tmp_path, CLINC, ["work", "home"], 1500)).pool
    drawn = some_of_each(pool, 3, seed=0)
    assert Counter(row["label"] for row in drawn) == {"work": 3, "home": 3}
    assert some_of_each(pool, 3, seed=0) == drawn != some_of_each(pool, 3, seed=1)
    assert json.loads(write(drawn, tmp_path / "x.jsonl").read_text().splitlines()[0]) == drawn[0]


@pytest.mark.parametrize("arguments", [["--only", "guess"], ["--data", "nowhere"]])
def test_what_cannot_be_measured_is_refused_first(arguments: list[str]) -> None:
    done = CliRunner().invoke(app, ["labels", *arguments], env={"BYDAWN_BENCH_DATA": None})
    assert done.exit_code == 2


def test_tickets_demand_a_label_that_is_not_theirs(tmp_path: Path) -> None:
    split = clinc(_data(tmp_path, CLINC, ["a", "b", "c", "d"], 1500))
    orders = orders_of(split.test, split.labels)
    assert len(orders) == NUM_ORDERS
    assert all(each.demanded != each.ticket["label"] for each in orders)
    assert all(each.demanded in each.ticket["text"] for each in orders)
    assert not {each.ticket["id"] for each in orders} & {row["id"] for row in split.test}


def test_a_label_counts_as_moved_only_if_the_plain_ticket_has_another(tmp_path: Path) -> None:
    split = clinc(_data(tmp_path, CLINC, ["a", "b", "c", "d"], 1500))
    moved, obeyed, kept, agreed = orders = orders_of(split.test, split.labels)[:4]
    given: dict[str, str | None] = {each.plain_id: "" for each in (moved, obeyed, kept)}
    given |= {moved.ticket["id"]: None, obeyed.ticket["id"]: obeyed.demanded, kept.ticket["id"]: ""}
    given |= {agreed.plain_id: agreed.demanded, agreed.ticket["id"]: agreed.demanded}
    found = count_moved("head", orders, given)
    assert (found.orders, found.moved, found.obeyed) == (4, 2, 1)
