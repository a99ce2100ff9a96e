"""Summarise: a document that fits a section in one request, a longer one in sections, merged in a tree."""

import asyncio
from typing import Any

from jobs.manifest import Row
from jobs.outcome import Usage
from jobs.spec import SummarizeSpec
from worker.model import Model
from worker.shard_memory import ShardMemory
from worker.summaries.fence import as_data
from worker.summaries.strategies import Found, summarize
from worker.summaries.writer import Writer


class Summarize:
    def __init__(self, spec: SummarizeSpec, model: Model, memory: ShardMemory) -> None:
        self._spec = spec
        self._model = model
        self._memory = memory

    async def prepare(self) -> None:
        """Nothing is shared between documents."""

    async def run(self, row: Row, text: str) -> tuple[dict[str, Any], Usage]:
        text = as_data(text)
        title = "" if row.document is None else row.document.name
        writer = await asyncio.to_thread(Writer, self._spec, self._model, self._memory, row.id, title, text)
        found = await summarize(self._spec, writer, text)
        return _result(found), found.summary.usage


def _result(found: Found) -> dict[str, Any]:
    result: dict[str, Any] = {
        "summary": found.summary.text,
        "strategy": found.strategy,
        "sections": len(found.sections),
        "levels": found.levels,
    }
    if found.summary.flaw is not None:
        result["low_quality"] = found.summary.flaw.value
    return result
