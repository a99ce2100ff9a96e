"""Embed: a row's text as a vector of pooled hidden states."""

from typing import Any

from engine import Embedding, Request
from jobs.manifest import Row
from jobs.outcome import Usage
from jobs.spec import EmbedSpec
from worker.model import Model, usage_of


class Embed:
    def __init__(self, spec: EmbedSpec, model: Model) -> None:
        self._spec = spec
        self._model = model

    async def prepare(self) -> None:
        """Nothing is shared between rows."""

    async def run(self, row: Row, text: str) -> tuple[dict[str, Any], Usage]:
        pooled = await ask_vector(self._model, self._spec, text)
        return {"embedding": list(pooled.embedding)}, usage_of(pooled)


async def ask_vector(model: Model, spec: EmbedSpec, text: str) -> Embedding:
    """The vector of a text; raises as `Model.ask` does."""
    ids = model.tokenizer.encode_as_text(text)
    return await model.ask(Request(prompt_token_ids=ids, pool=spec.pool, layer=spec.layer), Embedding)
