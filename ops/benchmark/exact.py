"""Whether our greedy tokens are those of transformers' `generate`, given one request at a time."""

from collections.abc import Sequence
from dataclasses import replace

from ops.benchmark.results import FLOAT32, REFERENCE, agreement_in
from ops.benchmark.run import Listener, Run
from ops.benchmark.systems import System
from ops.benchmark.tables import Table
from ops.benchmark.works import Work

OURS = ("bydawn", FLOAT32)


def compare(systems: dict[str, System], work: Work, listener: Listener) -> tuple[Table, Sequence[str]]:
    """Run one round of the work through both of our settings and the reference; also what was skipped."""
    run = Run([_one_at_a_time(systems[REFERENCE]), *(systems[name] for name in OURS)], (), 0, listener)
    outcome = run.works([work], rounds=1)
    rows = [
        (name, str(found))
        for name in OURS
        if (found := agreement_in(outcome.turns, name, REFERENCE)) is not None
    ]
    title = f"{work.letter}. {work.title}: greedy tokens as `generate`'s in float32, one request at a time"
    return Table(title, ("system", "requests"), rows), outcome.skipped


def _one_at_a_time(reference: System) -> System:
    settings = reference.settings
    return replace(reference, settings=lambda work: settings(work) | {"batch_rows": 1})
