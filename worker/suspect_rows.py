"""Run rows of which some may kill the engine: each ends in one outcome, and only the guilty as poison."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from engine import EngineError
from jobs.manifest import Row
from jobs.outcome import Code, Counts, Outcome, Usage
from worker.bisection import Bisection
from worker.engine_process import EngineDied, EngineLostDevice
from worker.halted import halted_outcome
from worker.kinds import Kind
from worker.rows import Note, ReadText, Watch, run_rows

log = logging.getLogger(__name__)

_POISON = "the engine's process died twice while this row alone was in it"


async def run_suspect_rows(
    rows: Sequence[Row], kind: Kind, read_text: ReadText, watch: Watch, note: Note = lambda _: None
) -> list[Outcome]:
    """One outcome per row, in order, on an engine that nobody else uses and that is restarted when it dies.

    `note` is not told of poison, which ends a row only when it is on the dead-letter list.

    Raises:
        EngineLostDevice: which says nothing of the rows.
        EngineError, StoreError, GivenBack: as `run_rows` does, but never another EngineDied.
    """
    await _prepare(kind)
    suspects = _Suspects(rows, _Prepared(kind), read_text, watch, note)
    bisection = Bisection.of(row.id for row in rows)
    while (group := bisection.group) is not None:
        if (halt := await asyncio.to_thread(watch, suspects.counts)) is not None:
            suspects.note(*(halted_outcome(row_id, halt) for row_id in bisection.undone))
            break
        await suspects.run(group)
        bisection = bisection.after_run(suspects.outcomes)
    suspects.note(*(Outcome.failed(row_id, Code.POISON, _POISON) for row_id in bisection.condemned))
    return [suspects.outcomes[row.id] for row in rows]


async def _prepare(kind: Kind) -> None:
    try:
        await kind.prepare()
    except EngineLostDevice:
        raise
    except EngineDied as error:
        # No row was in it. Should it go on like this, the job's own instructions are the poison.
        raise EngineError("the engine's process died of what all rows of the job need") from error


class _Prepared:
    """A kind that has learned what all rows need."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind

    async def prepare(self) -> None:
        """Done before, so that a death of it is not taken for a row's."""

    async def run(self, row: Row, text: str) -> tuple[dict[str, Any], Usage]:
        return await self._kind.run(row, text)


class _Suspects:
    """The rows, and the outcomes of those that have finished."""

    def __init__(
        self, rows: Sequence[Row], kind: Kind, read_text: ReadText, watch: Watch, tell: Note
    ) -> None:
        self._rows = {row.id: row for row in rows}
        self._kind = kind
        self._read_text = read_text
        self._watch = watch
        self._tell = tell
        self.outcomes: dict[str, Outcome] = {}

    @property
    def counts(self) -> Counts:
        return Counts.of(self.outcomes.values())

    def note(self, *outcomes: Outcome) -> None:
        self.outcomes.update({outcome.id: outcome for outcome in outcomes})

    async def run(self, group: Sequence[str]) -> None:
        """Run some of the rows together, until all have finished or the engine dies."""
        before, rows = self.counts, [self._rows[row_id] for row_id in group]
        try:
            outcomes = await run_rows(
                rows, self._kind, self._read_text, lambda counts: self._watch(before + counts), self._finish
            )
            self.note(*outcomes)
        except EngineLostDevice:
            raise
        except EngineDied:
            left = sum(row_id not in self.outcomes for row_id in group)
            log.warning("action=narrow rows=%s unfinished=%s", len(group), left)

    def _finish(self, outcome: Outcome) -> None:
        self.note(outcome)
        self._tell(outcome)
