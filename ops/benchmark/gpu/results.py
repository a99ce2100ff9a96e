"""What a run has found out, and how it becomes JSON and comes back from it. No I/O."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ops.benchmark.rates import by_system, medians
from ops.benchmark.results import BASELINE, REFERENCE


@dataclass(frozen=True, slots=True)
class DecodeSteps:
    """Steps in which nothing but decoding happened, and always of as many sequences."""

    steps: int
    step_ms: float
    bytes_a_step: float
    bytes_a_s: float
    memory_share: float | None
    parts_ms: dict[str, float]


@dataclass(frozen=True, slots=True)
class Inside:
    """What our engine did in a turn: means of its steps, and shares of what the card can do.

    `parts_ms` is where a step's time went, as the engine tells it.
    """

    steps: int
    step_ms: float
    sequences_a_step: float
    tokens_a_step: float
    parts_ms: dict[str, float]
    memory_share: float | None
    matrix_share: float | None
    kv_waste: float | None
    prefix_hit_tokens: int
    preemptions: int
    out_of_memory_retries: int
    graph_share: float | None = None
    decode: DecodeSteps | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """One turn: who ran how many of a round's requests, and how fast."""

    work: str
    model: str
    round: int
    system: str
    requests: int
    requests_whole: int
    seconds: float
    rate: float
    inside: Inside | None = None


@dataclass(frozen=True, slots=True)
class Ceilings:
    """What the card can do, measured on it, and what it is."""

    bytes_a_s: float
    flops_a_s: float
    each_bytes_a_s: dict[str, float]
    each_flops_a_s: dict[str, float]
    card: dict[str, Any]


@dataclass(slots=True)
class Findings:
    """Everything that a run has found out."""

    command: str
    ceilings: Ceilings | None = None
    turns: list[Measured] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)

    def take(self, other: "Findings") -> None:
        """Add what another run has found out."""
        self.ceilings = self.ceilings or other.ceilings
        self.turns += other.turns
        self.versions |= other.versions
        self.skipped += other.skipped


def as_json(findings: Findings, machine: str) -> dict[str, Any]:
    """All of it, with the figures of each system first."""
    lines = {
        f"{work} {model}": [asdict(line) for line in summary(own)]
        for (work, model), own in grouped(findings.turns).items()
    }
    return {"machine": machine, "works": lines, **asdict(findings)}


def from_json(given: dict[str, Any]) -> Findings:
    """What `as_json` was made of; raises KeyError or TypeError for anything else."""
    ceilings = given["ceilings"]
    return Findings(
        given["command"],
        None if ceilings is None else Ceilings(**ceilings),
        [_turn(each) for each in given["turns"]],
        given["versions"],
        given["skipped"],
    )


def _turn(given: dict[str, Any]) -> Measured:
    if (inside := given["inside"]) is not None:
        decode = inside["decode"] and DecodeSteps(**inside["decode"])
        inside = Inside(**inside | {"decode": decode})
    return Measured(**given | {"inside": inside})


def grouped(turns: Iterable[Measured]) -> dict[tuple[str, str], list[Measured]]:
    """By work and model, in the order in which they were measured."""
    groups: dict[tuple[str, str], list[Measured]] = {}
    for turn in turns:
        groups.setdefault((turn.work, turn.model), []).append(turn)
    return groups


@dataclass(frozen=True, slots=True)
class Line:
    """A system in a work's table; ratios are of medians."""

    system: str
    median: float
    least: float
    most: float
    to_continuous: float | None
    to_static: float | None
    rounds: int
    requests: int
    requests_whole: int


def summary(turns: Sequence[Measured]) -> list[Line]:
    """The systems of one work and model."""
    systems = by_system(turns)
    middles = medians(systems)
    return [_line(own, middles) for own in systems.values()]


def _line(own: Sequence[Measured], middles: dict[str, float]) -> Line:
    rates = [turn.rate for turn in own]
    middle = middles[own[0].system]
    return Line(
        system=own[0].system,
        median=middle,
        least=min(rates),
        most=max(rates),
        to_continuous=middle / middles[BASELINE] if BASELINE in middles else None,
        to_static=middle / middles[REFERENCE] if REFERENCE in middles else None,
        rounds=len(own),
        requests=own[0].requests,
        requests_whole=own[0].requests_whole,
    )
