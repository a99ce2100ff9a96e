"""How each row of a job must end: asked here, one row after the other, of the workers' own stub."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

from engine import Request
from engine.tokenizer import Tokenizer
from jobs.manifest import Row
from jobs.outcome import Code, Outcome, RowError
from jobs.spec import Spec
from tests.crash import stub_engine
from tests.crash.chaos.orders import InputRow
from worker.engine_messages import Result
from worker.kinds import Kind, make_kind
from worker.model import Model


class Oracle:
    """Knows the one right outcome of every row; messages of failed ones are left out."""

    def __init__(self, model: Path) -> None:
        tokenizer = Tokenizer.load(str(model))
        self._model = Model("oracle", "none", stub_engine.MAX_MODEL_LEN, tokenizer, _AtOnce())

    def outcomes(self, spec: Spec, rows: Sequence[InputRow]) -> list[Outcome]:
        return asyncio.run(_outcomes(make_kind(spec, self._model), rows))


class _AtOnce:
    """The stub, without its process and its pace."""

    def submit(self, request: Request) -> "Future[Result]":
        future: Future[Result] = Future()
        future.set_result(stub_engine.answer(request))
        return future


async def _outcomes(kind: Kind, rows: Sequence[InputRow]) -> list[Outcome]:
    await kind.prepare()
    return [await _outcome(kind, row) for row in rows]


async def _outcome(kind: Kind, row: InputRow) -> Outcome:
    try:
        if not row.body:
            raise RowError(Code.EMPTY_TEXT, "")
        result, usage = await kind.run(Row(id=row.id, text=row.body), row.body)
    except RowError as error:
        return Outcome.failed(row.id, error.code, "")
    return Outcome.ok(row.id, result, usage)
