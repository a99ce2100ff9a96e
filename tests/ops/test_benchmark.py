"""ops/benchmark: the works, what a run does about its systems, and what the report makes of the turns."""

import ast
import json
import re
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ops.benchmark.ceiling import Curve, ceiling_seconds
from ops.benchmark.machine import machine
from ops.benchmark.peers.protocol import Answer, Item, Turn
from ops.benchmark.report import as_json, markdown
from ops.benchmark.results import Measured, agreement, lines
from ops.benchmark.run import Outcome, Run, fleet
from ops.benchmark.shares import LEAST_REQUESTS, affordable, rotated
from ops.benchmark.systems import System
from ops.benchmark.texts import SEGMENTS, TICKETS, DataMissing, part, tickets
from ops.benchmark.works import Work, works

PEERS = Path(__file__).parents[2] / "ops" / "benchmark" / "peers"


class NoTokenizer:
    """Works a, b and e are made of token ids, and need none."""


@pytest.fixture
def every_work() -> dict[str, Work]:
    tokenizer: Any = NoTokenizer()
    return works(tokenizer, None)


class Heard:
    """Notes what a run tells."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self.turns: list[Measured] = []

    def doing(self, what: str) -> None: ...

    def measured(self, turn: Measured) -> None:
        self.turns.append(turn)

    def skipped(self, what: str) -> None:
        self.words.append(what)


def measured(system: str, seconds: float, tokens: int = 100, **fields: Any) -> Measured:
    answer = Answer(seconds, [tokens], labels=fields.pop("given", []))
    return replace(Measured("a", 0, system, 1, 1, answer), **fields)


def system(name: str, python: str | None, module: str = "none") -> System:
    return System(name, module, python, lambda _: {}, "a note", option="--its-python")


@pytest.mark.parametrize("letter", ["a", "b", "e"])
def test_a_work_is_the_same_every_time_and_shares_no_prompt_between_rounds(
    letter: str, every_work: dict[str, Work]
) -> None:
    work = every_work[letter]
    assert work.task(0) == work.task(0)
    first, second = ({tuple(item.prompt) for item in work.task(n).turn.items} for n in (0, 1))
    assert not first & second


@pytest.mark.parametrize(("letter", "count"), [("a", 32), ("b", 256)])
def test_mixed_requests_have_the_lengths_that_the_table_says(
    letter: str, count: int, every_work: dict[str, Work]
) -> None:
    items = every_work[letter].task(0).turn.items
    assert len(items) == count
    assert all(64 <= len(item.prompt) <= 384 and 16 <= item.max_tokens <= 96 for item in items)


def test_rounds_of_a_data_set_share_no_row_and_end_where_it_ends() -> None:
    rows = list(range(10))
    assert [part(rows, number, 4) for number in (0, 1)] == [[0, 1, 2, 3], [4, 5, 6, 7]]
    with pytest.raises(DataMissing, match="round 3 needs rows 9 to 12; there are 10"):
        part(rows, 2, 4)


def test_tickets_without_a_domain_are_left_out(tmp_path: Path) -> None:
    rows = [{"text": str(n), "label": label} for n, label in enumerate(("travel", "out_of_scope", "home"))]
    (tmp_path / TICKETS).write_text("\n".join(map(json.dumps, rows)))
    assert {ticket.label for ticket in tickets(tmp_path)} == {"travel", "home"}
    assert tickets(tmp_path) == tickets(tmp_path)


@pytest.mark.parametrize(("letter", "name"), [("c", TICKETS), ("d", SEGMENTS)])
def test_a_work_without_its_data_is_skipped_with_a_word(
    letter: str, name: str, every_work: dict[str, Work]
) -> None:
    heard = Heard()
    outcome = Run([system("any", None)], (), 1, heard).works([every_work[letter]], 1)
    assert outcome.skipped == heard.words == [f"work {letter}: it needs {name}: name its folder with --data"]


def test_a_missing_peer_is_skipped_with_a_word_that_says_how_to_get_it(every_work: dict[str, Work]) -> None:
    heard = Heard()
    outcome = Run([system("peer", None)], (), 1, heard).works([every_work["a"]], 2)
    assert outcome.skipped == ["peer: no --its-python was given; ops/BENCHMARKS.md says how to install it"]
    assert not outcome.turns


@pytest.fixture
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a run makes its folder of logs."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_logs_of_systems_that_did_their_work_are_removed(logs: Path, every_work: dict[str, Work]) -> None:
    python = logs / "python"
    python.write_text("""#!/bin/sh\necho '{"versions": {}}'\ncat > /dev/null\n""")
    python.chmod(0o755)
    with fleet() as processes:
        processes.process(system("peer", str(python)), every_work["a"], None)
        assert len(list(logs.glob("*/peer.log"))) == 1
    assert list(logs.iterdir()) == [python]


def test_the_log_of_a_system_that_failed_is_kept_and_named(logs: Path, every_work: dict[str, Work]) -> None:
    outcome = Run([system("peer", sys.executable)], (), 1, Heard()).works([every_work["a"]], 1)
    (log,) = logs.glob("*/*")
    assert f"(its log: {log})" in outcome.skipped[0]


@pytest.mark.parametrize(
    ("python", "words"),
    [("/nonexistent/python", "does not start"), (sys.executable, "No module named ops.benchmark.peers.none")],
)
def test_a_broken_peer_is_skipped_with_its_last_words(
    python: str, words: str, every_work: dict[str, Work]
) -> None:
    outcome = Run([system("peer", python)], (), 1, Heard()).works([every_work["a"]], 2)
    (skipped,) = outcome.skipped
    assert skipped.startswith("peer: ")
    assert words in skipped


def test_lines_have_medians_extremes_and_ratios() -> None:
    turns = [measured("transformers-continuous", seconds) for seconds in (10, 5, 20)]
    turns += [measured("vllm-eager", 5), measured("vllm-compiled", 4), measured("bydawn", 2)]
    by_name = {line.system: line for line in lines(turns)}
    base = by_name["transformers-continuous"]
    assert (base.median, base.least, base.most) == (10, 5, 20)
    assert by_name["bydawn"].to_baseline == 5
    assert by_name["bydawn"].to_best_vllm == 2
    assert by_name["vllm-eager"].to_best_vllm == 0.8


def test_without_a_peer_there_is_no_ratio_to_it() -> None:
    (line,) = lines([measured("bydawn", 2)])
    assert line.to_baseline is None
    assert line.to_best_vllm is None


def test_classification_counts_rows_and_right_labels_and_the_commonest() -> None:
    turn = measured("bydawn", 2, requests=4, given=[0, 0, 0, None], labels=(0, 0, 1, 1))
    (line,) = lines([turn])
    assert (line.median, line.accuracy) == (2, 0.5)
    assert (line.commonest_answer, line.commonest_true_label) == (0.75, 0.5)


def test_a_table_of_labels_shows_the_commonest_answer_and_the_commonest_true_label(
    every_work: dict[str, Work],
) -> None:
    turn = measured("bydawn", 2, work="c", requests=4, given=[0, 0, 0, 2], labels=(0, 1, 1, 2))
    text = markdown(Outcome(turns=[turn]), every_work, [system("bydawn", None)], "a command")
    assert "| accuracy | commonest answer | commonest true label |" in text
    assert "| 50.0% | 75.0% | 50.0% |" in text


def test_a_setting_is_compared_with_packed_layers_whose_weights_are_as_its_own(
    every_work: dict[str, Work],
) -> None:
    figures = ("steps", "sequences_median", "sequences_max", "rows_median", "scheduler_ms_median")
    details: dict[str, Any] = dict.fromkeys((*figures, "scheduler_ms_max", "kv_waste"), 1)
    details["rows"] = [(1, 1)]
    turns = [measured(name, 2) for name in ("bydawn", "bydawn-fp32")]
    turns = [replace(turn, answer=replace(turn.answer, details=details)) for turn in turns]
    seconds = {name: {"1": 0.5, "2": 0.5} for name in ("layers", "head")}
    outcome = Outcome(turns=turns, ceilings={"a": dict.fromkeys(("plain", "packed", "packed-fp32"), seconds)})
    text = markdown(outcome, every_work, [], "a command")
    assert "| plain linear layers alone | 100.0 (50% reached) | 100.0 (50% reached) |" in text
    assert "| packed linear layers alone | 100.0 (50% reached) | - |" in text
    assert "| packed-fp32 linear layers alone | - | 100.0 (50% reached) |" in text


def test_the_report_says_how_much_memory_the_machine_has() -> None:
    assert re.search(r", \d+ GiB$", machine())


def test_agreement_counts_identical_requests_and_the_tokens_before_the_first_that_differs() -> None:
    found = agreement([([1, 2, 3], [1, 2, 3]), ([1, 2, 3], [1, 9, 3]), ([1, 2], [1, 2, 3])])
    assert (found.requests, found.identical, found.first_differing) == (3, 1, (1, 2))


def test_another_system_is_first_in_each_round() -> None:
    names = [system(name, None) for name in "abc"]
    assert ["".join(s.name for s in rotated(names, n)) for n in range(4)] == ["abc", "bca", "cab", "abc"]


def test_a_slow_system_gets_the_first_requests_and_always_a_few() -> None:
    turn = Turn([Item([1] * 20, 10)] * 100)  # 20 each
    assert affordable(turn, 1e9) == 100
    assert affordable(turn, 500) == 25
    assert affordable(turn, 0) == LEAST_REQUESTS


def test_a_bounded_number_of_requests_is_told(every_work: dict[str, Work]) -> None:
    outcome = Outcome(turns=[measured("bydawn", 2, requests=32, requests_whole=256)])
    assert "| first 32 of 256 |" in markdown(outcome, every_work, [system("bydawn", None)], "a command")
    assert as_json(outcome, "a command")["works"]["a"][0]["requests"] == 32


def test_the_ceiling_adds_up_the_layers_and_the_head_of_each_step() -> None:
    details = {"layers": {"1": 1.0, "3": 2.0}, "head": {"1": 0.5, "2": 0.6}}
    assert Curve.of(details["layers"]).at(2) == 1.5
    assert Curve.of(details["layers"]).at(5) == 3
    assert ceiling_seconds(details, [(2, 0), (3, 1)]) == 1.5 + 2.0 + 0.5


@pytest.mark.parametrize(
    ("name", "own"), [("protocol", ""), ("vllm_offline", "vllm torch"), ("llama_cpp", "xllamacpp")]
)
def test_a_peer_in_another_venv_imports_nothing_of_ours(name: str, own: str) -> None:
    tree = ast.parse((PEERS / f"{name}.py").read_text())
    imported = {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    imported |= {alias.name for n in ast.walk(tree) if isinstance(n, ast.Import) for alias in n.names}
    others = {each for each in imported if each.split(".")[0] not in {*sys.stdlib_module_names, *own.split()}}
    assert others <= {"ops.benchmark.peers.protocol"}
