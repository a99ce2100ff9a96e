"""Findings as tables: for the terminal, and for Markdown. No I/O."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import median

from ops.benchmark.gpu.results import (
    Ceilings,
    DecodeSteps,
    Findings,
    Inside,
    Line,
    Measured,
    grouped,
    summary,
)
from ops.benchmark.gpu.systems import NOTES
from ops.benchmark.gpu.works import OURS, Work
from ops.benchmark.tables import Table, number, share

Works = Mapping[str, Work]


def tables(findings: Findings, works: Works) -> Iterator[Table]:
    """Each work's speeds, and what our engine did in it."""
    for (name, model), turns in grouped(findings.turns).items():
        yield _speeds(works[name], model, summary(turns))
        if insides := _insides(turns):
            yield _inside(works[name], model, insides)


def card_table(ceilings: Ceilings) -> Table:
    """What the card can do."""
    memory = [[name, f"{rate / 1e9:,.0f} GB/s"] for name, rate in ceilings.each_bytes_a_s.items()]
    matrix = [[name, f"{rate / 1e9:,.0f} GFLOPS"] for name, rate in ceilings.each_flops_a_s.items()]
    return Table(f"What the card can do: {ceilings.card['name']}", ["", "measured"], memory + matrix)


def _speeds(work: Work, model: str, found: Sequence[Line]) -> Table:
    speeds = [work.unit.value, "least", "most", "x continuous", "x static"]
    columns = ["system", *speeds, "rounds", "requests run"]
    return Table(_title(work, model), columns, [_cells(line) for line in found])


def _title(work: Work, model: str) -> str:
    kind = "" if work.title.startswith(work.name) else f"{work.name}. "
    return f"{kind}{work.title}; {model}"


def _cells(line: Line) -> list[str]:
    speeds = [number(value) for value in (line.median, line.least, line.most)]
    ratios = [number(value, 2) for value in (line.to_continuous, line.to_static)]
    whole = line.requests == line.requests_whole
    requests = f"{line.requests:,}" if whole else f"first {line.requests:,} of {line.requests_whole:,}"
    return [line.system, *speeds, *ratios, str(line.rounds), requests]


def _insides(turns: Sequence[Measured]) -> dict[str, list[Inside]]:
    found: dict[str, list[Inside]] = {}
    for turn in turns:
        if turn.inside is not None:
            found.setdefault(turn.system, []).append(turn.inside)
    return found


def _inside(work: Work, model: str, insides: Mapping[str, Sequence[Inside]]) -> Table:
    """A column for each system of ours, a row for each figure."""
    columns = [_figures(own) for own in insides.values()]
    names = dict.fromkeys(name for column in columns for name in column)
    rows = [[name, *(column.get(name, "-") for column in columns)] for name in names]
    return Table(f"Inside our engine: {_title(work, model)}", ["", *insides], rows)


def _figures(own: Sequence[Inside]) -> dict[str, str]:
    def middle(value: Callable[[Inside], float | None]) -> float | None:
        return _middle([value(each) for each in own])

    figures = {
        "steps": number(middle(lambda each: each.steps), 0),
        "time a step": _ms(middle(lambda each: each.step_ms)),
        **_parts("  ", [each.parts_ms for each in own]),
        "sequences a step": number(middle(lambda each: each.sequences_a_step)),
        "tokens a step": number(middle(lambda each: each.tokens_a_step)),
        "steps from a graph": share(middle(lambda each: each.graph_share)),
        "share of memory bandwidth": share(middle(lambda each: each.memory_share)),
        "share of matrix rate": share(middle(lambda each: each.matrix_share)),
        "KV slots without a token": share(middle(lambda each: each.kv_waste)),
        "prompt tokens from the prefix cache": number(middle(lambda each: each.prefix_hit_tokens), 0),
        "preemptions": number(middle(lambda each: each.preemptions), 0),
        "retries after memory ran out": number(middle(lambda each: each.out_of_memory_retries), 0),
    }
    return figures | _decode_figures([each.decode for each in own if each.decode is not None])


def _decode_figures(own: Sequence[DecodeSteps]) -> dict[str, str]:
    if not own:
        return {}
    bandwidth = number(median(each.bytes_a_s for each in own) / 1e9, 2)
    return {
        "steps that only decode": number(median(each.steps for each in own), 0),
        "time a decode step": _ms(median(each.step_ms for each in own)),
        **_parts("  decode: ", [each.parts_ms for each in own]),
        "read in a decode step": f"{median(each.bytes_a_step for each in own) / 1e9:,.3f} GB",
        "read a second in decode steps": f"{bandwidth} GB/s",
        "share of memory bandwidth in decode steps": share(_middle([each.memory_share for each in own])),
    }


def _parts(prefix: str, parts: Sequence[Mapping[str, float]]) -> dict[str, str]:
    names = dict.fromkeys(name for each in parts for name in each)
    return {f"{prefix}{name}": _ms(median(each[name] for each in parts if name in each)) for name in names}


def _middle(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:,.3f} ms"


def short(findings: Findings, works: Works) -> Table:
    """A line a work: what our engine reached."""
    rows = []
    for (name, model), turns in grouped(findings.turns).items():
        own = [turn.inside for turn in turns if turn.system == OURS and turn.inside is not None]
        for line in summary(turns):
            if line.system == OURS:
                speed = f"{number(line.median)} {works[name].unit.value}"
                rows.append([f"{name}, {model}", speed, *_reached(line, own)])
    columns = ["work", OURS, "x continuous", "x static", "of bandwidth", "of matrix rate"]
    return Table("In short", columns, rows)


def _reached(line: Line, own: Sequence[Inside]) -> list[str]:
    """Of the bandwidth, that in decode steps where they were measured apart."""
    memory = [each.memory_share if each.decode is None else each.decode.memory_share for each in own]
    matrix = [each.matrix_share for each in own]
    ratios = [number(value, 2) for value in (line.to_continuous, line.to_static)]
    return [*ratios, share(_middle(memory)), share(_middle(matrix))]


def markdown(findings: Findings, works: Works, machine: str) -> str:
    """The whole report."""
    versions = ", ".join(f"{name} {version}" for name, version in sorted(findings.versions.items()))
    parts = [f"{machine}\n\n{_card(findings)}Command: `{findings.command}`\n\nVersions: {versions}\n"]
    every = [card_table(findings.ceilings)] if findings.ceilings is not None else []
    every += tables(findings, works)
    parts += [table.for_markdown() for table in every]
    names = dict.fromkeys(turn.system for turn in findings.turns)
    parts += ["\n".join(f"- {name}: {NOTES[name]}" for name in names) + "\n"]
    if findings.skipped:
        parts.append("Not measured:\n\n" + "\n".join(f"- {what}" for what in findings.skipped) + "\n")
    return "\n".join(parts)


def _card(findings: Findings) -> str:
    if findings.ceilings is None:
        return ""
    card = dict(findings.ceilings.card)
    known = [f"{name.replace('_', ' ')} {value}" for name, value in card.items() if value and name != "name"]
    return f"Card: {', '.join([card['name'], *known])}\n\n"
