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
        ids = self._model.tokenizer.encode_as_text(text)
        request = Request(prompt_token_ids=ids, pool=self._spec.pool, layer=self._spec.layer)
        pooled = await self._model.ask(request, Embedding)
        return {"embedding": list(pooled.embedding)}, usage_of(pooled)
