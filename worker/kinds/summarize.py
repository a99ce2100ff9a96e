"""Summarise: a document that fits a section in one request, a longer one in sections, merged in a tree."""

import asyncio
import hashlib
from typing import Any

from jobs.documents import PagedText
from jobs.manifest import Row
from jobs.outcome import Usage
from jobs.spec import SummarizeSpec
from jobs.styles import STYLES
from worker.model import Model
from worker.shard_memory import ShardMemory
from worker.summaries.citations import cite, passages_of
from worker.summaries.fence import as_data
from worker.summaries.strategies import Found, summarize
from worker.summaries.writer import Writer


class Summarize:
    """Of the rows of a shard that have the same text, the first that ends well is copied by the others."""

    def __init__(self, spec: SummarizeSpec, model: Model, memory: ShardMemory) -> None:
        self._spec = spec
        self._model = model
        self._memory = memory
        self._begun: dict[bytes, tuple[str, asyncio.Task[tuple[dict[str, Any], Usage]]]] = {}

    async def prepare(self) -> None:
        """Nothing is shared between documents."""

    async def run(self, row: Row, text: str) -> tuple[dict[str, Any], Usage]:
        title = "" if row.document is None else row.document.name
        key = self._key(title, text)
        if (begun := self._begun.get(key)) is not None:
            first_id, first = begun
            return (await first)[0] | {"copy_of": first_id}, Usage()
        task = asyncio.create_task(self._summarize(row.id, title, text))
        self._begun[key] = row.id, task
        try:
            return await task
        except BaseException:
            # In quarantine rows run again after a death, and after the cancelling that follows one.
            del self._begun[key]
            raise

    async def _summarize(self, row_id: str, title: str, text: str) -> tuple[dict[str, Any], Usage]:
        data = as_data(text)
        writer = await asyncio.to_thread(Writer, self._spec, self._model, self._memory, row_id, title, data)
        found = await summarize(self._spec, writer, data)
        result = _result(found)
        if self._spec.cite:
            pages = [as_data(page) for page in text.pages] if isinstance(text, PagedText) else []
            passages = passages_of(found.sections, pages)
            result["citations"] = cite(found.summary.text, STYLES[self._spec.style].form, passages)
        return result, found.summary.usage

    def _key(self, title: str, text: str) -> bytes:
        """Of all that a summary depends on within a job."""
        asked = f"{title}\0{text}" if self._spec.prompt and self._spec.prompt.uses("title") else text
        return hashlib.sha256(asked.encode(errors="surrogatepass")).digest()


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
