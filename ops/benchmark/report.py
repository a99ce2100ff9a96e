"""An outcome as tables and as JSON."""

import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from statistics import median
from typing import Any

from ops.benchmark.ceiling import ceiling_seconds
from ops.benchmark.machine import machine
from ops.benchmark.results import BASELINE, FLOAT32, REFERENCE, Line, Measured, agreement_in, lines
from ops.benchmark.run import Outcome
from ops.benchmark.systems import System
from ops.benchmark.tables import Table, number, share
from ops.benchmark.works import Work

Works = Mapping[str, Work]


def tables(outcome: Outcome, works: Works) -> Iterator[Table]:
    """A work's speeds, then what our engine did in it."""
    for letter, turns in _by_work(outcome).items():
        yield _speeds(works[letter], lines(turns))
        if ours := [turn for turn in turns if turn.answer.details]:
            yield _insides(works[letter], turns, ours, outcome.ceilings.get(letter, {}))


def _by_work(outcome: Outcome) -> dict[str, list[Measured]]:
    by_work: dict[str, list[Measured]] = {}
    for turn in outcome.turns:
        by_work.setdefault(turn.work, []).append(turn)
    return by_work


def _speeds(work: Work, found: Sequence[Line]) -> Table:
    unit = "rows/s" if work.classifies else "output tokens/s"
    columns = ["system", unit, "least", "most", f"x {BASELINE}", "x best vLLM", "requests run"]
    rows = [_speed_cells(line) for line in found]
    if work.classifies:
        columns += ["accuracy", "commonest answer", "commonest true label"]
        rows = [
            [*cells, *map(share, (line.accuracy, line.commonest_answer, line.commonest_true_label))]
            for cells, line in zip(rows, found, strict=True)
        ]
    return Table(f"{work.letter}. {work.title}", columns, rows)


def _speed_cells(line: Line) -> list[str]:
    speeds = [number(value) for value in (line.median, line.least, line.most)]
    ratios = [number(value, 2) for value in (line.to_baseline, line.to_best_vllm)]
    whole = line.requests == line.requests_whole
    requests = f"{line.requests}" if whole else f"first {line.requests} of {line.requests_whole}"
    return [line.system, *speeds, *ratios, requests]


def _insides(
    work: Work, turns: Sequence[Measured], ours: Sequence[Measured], ceilings: Mapping[str, Any]
) -> Table:
    """A column for each setting of ours, a row for each figure."""
    names = list(dict.fromkeys(turn.system for turn in ours))
    columns = []
    for name in names:
        own = [turn for turn in ours if turn.system == name]
        figures = _step_figures([turn.answer.details for turn in own])
        for layers, details in ceilings.items():
            cell = _ceiling_cell(own, details) if _bounds(layers, name) else "-"
            figures[f"{layers} linear layers alone"] = cell
        if not work.classifies:
            figures[f"greedy tokens as {REFERENCE}"] = str(agreement_in(turns, name, REFERENCE) or "-")
        columns.append(figures)
    rows = [[figure, *(column[figure] for column in columns)] for figure in columns[0]]
    return Table(f"{work.letter}. Inside our engine", ["", *names], rows)


def _bounds(layers: str, system: str) -> bool:
    """Whether these layers bound the system: packed ones do so only if their weights are as its own."""
    match layers:
        case "packed":
            return system != FLOAT32
        case "packed-fp32":
            return system == FLOAT32
    return True


def _step_figures(details: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    def middle(name: str) -> float:
        return float(median(each[name] for each in details))

    most_sequences = max(each["sequences_max"] for each in details)
    most_ms = max(each["scheduler_ms_max"] for each in details)
    return {
        "steps": f"{middle('steps'):,.0f}",
        "sequences a step": f"{middle('sequences_median'):g}, at most {most_sequences}",
        "rows a step": f"{middle('rows_median'):g}",
        "scheduler a step": f"{middle('scheduler_ms_median'):.2f} ms, at most {most_ms:.1f} ms",
        "KV slots without a token": share(middle("kv_waste")),
    }


def _ceiling_cell(own: Sequence[Measured], details: Mapping[str, Any]) -> str:
    """What the linear layers alone would allow over the very steps that the engine took."""
    reached = median(
        ceiling_seconds(dict(details), turn.answer.details["rows"]) / turn.answer.seconds for turn in own
    )
    return f"{median(turn.rate for turn in own) / reached:,.1f} ({reached:.0%} reached)"


def markdown(outcome: Outcome, works: Works, systems: Sequence[System], command: str) -> str:
    """The whole report."""
    measured = {turn.system for turn in outcome.turns}
    parts = [f"{machine()}\n\nCommand: `{command}`\n", versions(outcome)]
    parts += [table.for_markdown() for table in tables(outcome, works)]
    parts += ["\n".join(f"- {s.name}: {s.note}" for s in systems if s.name in measured) + "\n"]
    if outcome.skipped:
        parts.append("Not measured:\n\n" + "\n".join(f"- {what}" for what in outcome.skipped) + "\n")
    return "\n".join(parts)


def versions(outcome: Outcome) -> str:
    """Each package that a system said it is made of, once."""
    named = {f"{name} {version}" for own in outcome.versions.values() for name, version in own.items()}
    return f"Versions: {', '.join(sorted(named))}, Python {platform.python_version()}\n"


def as_json(outcome: Outcome, command: str) -> dict[str, Any]:
    """Everything that was measured, token ids and single steps left out."""
    return {
        "command": command,
        "machine": machine(),
        "versions": outcome.versions,
        "works": {
            letter: [asdict(line) for line in lines(turns)] for letter, turns in _by_work(outcome).items()
        },
        "turns": [_turn_json(turn) for turn in outcome.turns],
        "ceilings": outcome.ceilings,
        "skipped": outcome.skipped,
    }


def _turn_json(turn: Measured) -> dict[str, Any]:
    details = {name: value for name, value in turn.answer.details.items() if name != "rows"}
    return {
        "work": turn.work,
        "round": turn.round,
        "system": turn.system,
        "requests": turn.requests,
        "seconds": turn.answer.seconds,
        "output_tokens": sum(turn.answer.num_tokens),
        "rate": turn.rate,
        "details": details,
    }
