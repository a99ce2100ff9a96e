"""Who writes the summaries: our kind of job on our engine, and the same model through transformers."""

import asyncio
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from engine import Engine, EngineConfig
from engine.models import resolve
from engine.tokenizer import Tokenizer
from jobs.manifest import Row
from jobs.outcome import RowError
from jobs.spec import SummarizeSpec
from ops.benchmark.peers.protocol import Item as Prompt
from ops.benchmark.peers.protocol import Turn
from ops.benchmark.process import SystemProcess
from ops.benchmark.summaries.sets import Item, Set
from worker.kinds import make_kind
from worker.model import Model

_TOKENS_PER_WORD = 1.6
_MARGIN_TOKENS = 16
_KV_CACHE_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Written:
    """A summary; `low_quality` is why it is marked, and `error` why there is none."""

    text: str
    low_quality: str | None = None
    error: str | None = None


@contextmanager
def ours(name: str, context_tokens: int) -> Iterator[Model]:
    """The model on our engine, in this process."""
    config = EngineConfig(model=name, max_model_len=context_tokens, kv_cache_bytes=_KV_CACHE_BYTES)
    with Engine(config) as engine:
        yield Model("benchmark", "", context_tokens, Tokenizer.load(name), engine)


def write_ours(model: Model, chosen: Set, items: Sequence[Item]) -> list[Written]:
    """As a job would, all rows side by side."""

    async def write(number: int, item: Item) -> Written:
        spec = SummarizeSpec(max_words=chosen.max_words, focus=item.focus)
        try:
            result, _ = await make_kind(spec, model).run(Row(id=str(number)), item.document)
        except RowError as error:
            return Written("", error=error.code)
        return Written(result["summary"], result.get("low_quality"))

    async def write_all() -> list[Written]:
        return list(await asyncio.gather(*(write(number, item) for number, item in enumerate(items))))

    return asyncio.run(write_all())


def write_baseline(name: str, context_tokens: int, chosen: Set, items: Sequence[Item]) -> list[Written]:
    """Greedy, one prompt a document: its beginning, as much as fits, and what is wanted of it."""
    tokenizer = Tokenizer.load(name)
    max_tokens = round(chosen.max_words * _TOKENS_PER_WORD) + _MARGIN_TOKENS
    room = context_tokens - max_tokens
    prompts = [Prompt(_prompt(tokenizer, item, chosen.max_words, room), max_tokens) for item in items]
    settings: dict[str, Any] = {
        "folder": str(resolve(name).path),
        "batch_rows": chosen.baseline_rows,
        "until_end": True,
    }
    with TemporaryDirectory() as folder:
        log = Path(folder) / "transformers.log"
        process = SystemProcess(sys.executable, "ops.benchmark.peers.transformers_static", settings, log)
        try:
            answer = process.run(Turn(prompts))
        finally:
            process.end()
    return [Written(tokenizer.decode(token_ids).strip()) for token_ids in answer.token_ids]


def _prompt(tokenizer: Tokenizer, item: Item, max_words: int, room: int) -> list[int]:
    """As who uses the model by hand would write it: what the document spells is taken at its word."""
    asked = f"Summarize the document above in at most {max_words} words."
    if item.focus is not None:
        asked = f"{item.focus}\nAnswer in at most {max_words} words."

    def chat(text: str) -> list[int]:
        messages = [{"role": "user", "content": f"{text}\n\n{asked}"}]
        return tokenizer.encode(tokenizer.chat(messages), add_special_tokens=False)

    tokens = tokenizer.encode(item.document, add_special_tokens=False)
    # A token more or less where the cut text meets the rest.
    kept = room - len(chat("")) - 8
    return chat(item.document if len(tokens) <= kept else tokenizer.decode(tokens[:kept]))
