"""Run the rows of one shard side by side; every row ends in exactly one outcome."""

import asyncio
import logging
from collections.abc import Callable, Sequence

from engine import EngineError, RequestError
from jobs.control import Halt
from jobs.manifest import Row
from jobs.outcome import Code, Counts, Outcome, RowError
from jobs.stores import StoreError
from worker.halted import halted_outcome
from worker.kinds import Kind

log = logging.getLogger(__name__)

ReadText = Callable[[Row], str]
Watch = Callable[[Counts], Halt | None]
"""Told the counts so far, twice a second; answers what is to become of rows that aren't done, if anything."""

Note = Callable[[Outcome], None]
"""Told each row's outcome when it has one, so that it isn't lost where the engine breaks under the others."""

_WATCH_INTERVAL_S = 0.5


async def run_rows(
    rows: Sequence[Row], kind: Kind, read_text: ReadText, watch: Watch, note: Note = lambda _: None
) -> list[Outcome]:
    """One outcome per row, in order.

    Raises:
        EngineError: the engine broke; no row is to blame, and the shard is tried again.
        StoreError: a document couldn't be read because the store is away; likewise.
        GivenBack: the watch said so, and some row isn't done.
        Exception: what `watch` raises.
    """
    prepared = asyncio.create_task(kind.prepare())
    tasks = [asyncio.create_task(_run_and_note(row, kind, read_text, prepared, note)) for row in rows]
    try:
        halt = await _watch_until_done(tasks, watch)
    finally:
        # Whether the job was stopped or a row broke the shard: the engine must not go on with the others.
        for task in (prepared, *tasks):
            task.cancel()
        await asyncio.gather(prepared, *tasks, return_exceptions=True)
    return [_outcome(task, row, halt) for task, row in zip(tasks, rows, strict=True)]


async def _watch_until_done(tasks: "list[asyncio.Task[Outcome]]", watch: Watch) -> Halt | None:
    waiting = set(tasks)
    while waiting:
        done, waiting = await asyncio.wait(
            waiting, timeout=_WATCH_INTERVAL_S, return_when=asyncio.FIRST_EXCEPTION
        )
        for task in done:
            task.result()
        finished = Counts.of(task.result() for task in tasks if task.done())
        if (halt := await asyncio.to_thread(watch, finished)) is not None:
            return halt
    return None


def _outcome(task: "asyncio.Task[Outcome]", row: Row, halt: Halt | None) -> Outcome:
    if not task.cancelled():
        return task.result()
    assert halt is not None, "only a halt leaves rows undone"
    return halted_outcome(row.id, halt)


async def _run_and_note(
    row: Row, kind: Kind, read_text: ReadText, prepared: "asyncio.Task[None]", note: Note
) -> Outcome:
    outcome = await _run_row(row, kind, read_text, prepared)
    note(outcome)
    return outcome


async def _run_row(row: Row, kind: Kind, read_text: ReadText, prepared: "asyncio.Task[None]") -> Outcome:
    try:
        await asyncio.shield(prepared)  # a row that is cancelled doesn't cancel what the others wait for
        text = await asyncio.to_thread(read_text, row)
        result, usage = await kind.run(row, text)
    except RowError as error:
        return Outcome.failed(row.id, error.code, str(error))
    except RequestError as error:  # the tokenizer's word: no text that can be encoded, no messages it takes
        return Outcome.failed(row.id, Code.BAD_REQUEST, str(error))
    except (EngineError, StoreError):
        raise
    except Exception as error:  # a parser's or our own mistake, which must not cost the neighbours
        # Its message or traceback might quote the row, so only its type is told.
        log.error("action=row_broke error=%s", type(error).__name__)
        return Outcome.failed(
            row.id, Code.INTERNAL_ERROR, f"{type(error).__name__} while the row was worked on"
        )
    return Outcome.ok(row.id, result, usage)
