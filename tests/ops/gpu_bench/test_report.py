"""What findings look like: as tables, as Markdown, as JSON and back."""

import json

from ops.benchmark.gpu.report import card_table, markdown, short, tables
from ops.benchmark.gpu.results import Findings, as_json, from_json, summary
from ops.benchmark.gpu.works import works
from ops.benchmark.results import BASELINE, REFERENCE
from ops.benchmark.tables import Table
from tests.ops.gpu_bench.stats import CEILINGS, decode_steps, inside, measured

WORKS = works(tiny=False)


def findings() -> Findings:
    rates = (900.0, 1000.0, 1200.0)
    turns = [measured("bydawn", rate, round=number, inside=inside()) for number, rate in enumerate(rates)]
    turns += [measured(BASELINE, 200.0, requests=64), measured(REFERENCE, 100.0)]
    turns += [
        measured("bydawn", 50.0, work="decode", model="llama-3.1-8b", inside=inside(decode=decode_steps()))
    ]
    return Findings("a command", CEILINGS, turns, {"torch": "2.11"}, ["work b: it broke"])


def test_a_line_has_the_median_the_extremes_and_ratios_of_medians() -> None:
    ours, continuous, static = summary(findings().turns[:5])
    assert (ours.median, ours.least, ours.most, ours.rounds) == (1000.0, 900.0, 1200.0, 3)
    assert (ours.to_continuous, ours.to_static) == (5.0, 10.0)
    assert (continuous.to_continuous, static.to_continuous) == (1.0, 0.5)


def test_without_a_peer_there_is_no_ratio_to_it() -> None:
    (ours,) = summary([measured("bydawn", 1.0)])
    assert ours.to_continuous is ours.to_static is None


def cells(table: Table, name: str) -> list[str]:
    (row,) = [list(row[1:]) for row in table.rows if row[0] == name]
    return row


def test_the_table_says_which_share_of_the_work_a_peer_had() -> None:
    speeds, *_ = tables(findings(), WORKS)
    assert cells(speeds, "bydawn") == ["1,000.0", "900.0", "1,200.0", "5.00", "10.00", "3", "256"]
    assert cells(speeds, BASELINE)[-1] == "first 64 of 256"


def test_the_figures_of_steps_are_medians_of_the_rounds() -> None:
    _, figures, *_ = tables(findings(), WORKS)
    assert cells(figures, "time a step") == ["2.000 ms"]
    assert cells(figures, "  scheduling") == ["0.500 ms"]
    assert cells(figures, "share of memory bandwidth") == ["25.0%"]
    assert cells(figures, "share of matrix rate") == ["12.5%"]
    assert cells(figures, "KV slots without a token") == ["6.2%"]


def test_decode_steps_are_told_apart_where_they_were_measured() -> None:
    *_, figures = tables(findings(), WORKS)
    assert cells(figures, "time a decode step") == ["6.000 ms"]
    assert cells(figures, "read in a decode step") == ["24.000 GB"]
    assert cells(figures, "share of memory bandwidth in decode steps") == ["80.0%"]


def test_in_short_a_work_is_one_line_with_the_share_that_it_is_about() -> None:
    table = short(findings(), WORKS)
    assert cells(table, "a, qwen3-0.6b") == ["1,000.0 output tokens/s", "5.00", "10.00", "25.0%", "12.5%"]
    assert cells(table, "decode, llama-3.1-8b")[3] == "80.0%"


def test_the_card_is_told_with_each_thing_that_was_measured_on_it() -> None:
    table = card_table(CEILINGS)
    assert table.title.endswith("A Card")
    assert cells(table, "copy of 1 MiB") == ["1,000 GB/s"]
    assert cells(table, "product 1 x 1 x 1") == ["100,000 GFLOPS"]


def test_a_plain_table_has_its_columns_below_each_other() -> None:
    table = Table("title", ["system", "rows/s"], [["bydawn", "1,000.0"], ["a peer", "9.0"]])
    assert table.plain().splitlines() == [
        "title",
        "---------------",
        "system   rows/s",
        "---------------",
        "bydawn  1,000.0",
        "a peer      9.0",
    ]


def test_markdown_names_card_driver_versions_and_command_and_what_is_missing() -> None:
    text = markdown(findings(), WORKS, "Machine: 16 cores")
    assert text.startswith("Machine: 16 cores\n\nCard: A Card, ")
    for words in ("driver 600.1, 700 W", "Command: `a command`", "torch 2.11", "- work b: it broke"):
        assert words in text


def test_json_has_everything_and_can_be_read_again() -> None:
    written = json.loads(json.dumps(as_json(findings(), "Machine")))
    assert from_json(written) == findings()
    assert written["works"]["a qwen3-0.6b"][0]["to_continuous"] == 5.0
