"""Rows through the kind that summarises, with answers made up."""

import asyncio
from collections.abc import Callable
from typing import Any

from engine import Request
from jobs.manifest import Row
from jobs.spec import SummarizeSpec
from tests.worker.fakes import Answer, FakeEngine, completion, fake_model
from worker.engine_messages import Result
from worker.kinds import make_kind
from worker.shard_memory import ShardMemory

LIFT = "The lift is repaired. The town pays for it."

GOOD = " a lift that was repaired."


def run(
    spec: SummarizeSpec, answer: Answer, *rows: Row, max_len: int = 400, memory: ShardMemory | None = None
) -> tuple[list[dict[str, Any]], FakeEngine]:
    model, engine = fake_model(answer, max_len)
    kind = make_kind(spec, model, memory or ShardMemory())

    async def run_all() -> list[dict[str, Any]]:
        return [result for result, _ in [await kind.run(row, row.text or "") for row in rows]]

    return asyncio.run(run_all()), engine


def summarized(spec: SummarizeSpec, answer: Answer, text: str = LIFT, **more: Any) -> tuple[Any, FakeEngine]:
    (result,), engine = run(spec, answer, Row(id="1", text=text), **more)
    return result, engine


def long_text(paragraphs: int = 60) -> str:
    return "\n\n".join(f"Paragraph {n} has exactly eight words in it." for n in range(paragraphs))


def by_temperature(first: str, second: str) -> Callable[[str, Request], Result]:
    return lambda _, request: completion(second if request.sampling.temperature else first)
