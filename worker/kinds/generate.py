"""Generate: a row's prompt, or its chat messages, answered."""

from typing import Any, Literal

from pydantic import BaseModel, TypeAdapter, ValidationError

from engine import Choice, Completion, Constraint, FinishReason, JsonSchema, Regex, Request, Sampling
from jobs.manifest import Row
from jobs.outcome import Code, RowError, Usage
from jobs.spec import GenerateSpec
from worker.model import Model, usage_of


class ChatMessage(BaseModel):
    """One turn of a conversation, as the `messages` of a JSONL row hold them."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str


_MESSAGES = TypeAdapter(list[ChatMessage])


class Generate:
    def __init__(self, spec: GenerateSpec, model: Model) -> None:
        self._spec = spec
        self._model = model
        self._sampling = Sampling(
            max_tokens=spec.max_tokens,
            temperature=spec.temperature,
            top_k=spec.top_k,
            top_p=spec.top_p,
            min_p=spec.min_p,
            seed=spec.seed,
            stop=spec.stop,
            constraint=_constraint(spec),
        )

    async def prepare(self) -> None:
        """Nothing is shared between rows but the system message, which the prefix cache keeps."""

    async def run(self, row: Row, text: str) -> tuple[dict[str, Any], Usage]:
        ids = self._model.tokenizer.chat_token_ids(self._messages(row, text))
        completion = await self._model.ask(Request(prompt_token_ids=ids, sampling=self._sampling), Completion)
        self._refuse_cut_short(completion)
        result = {"text": completion.text, "finish_reason": completion.finish_reason.value}
        return result, usage_of(completion)

    def _refuse_cut_short(self, completion: Completion) -> None:
        """What is left of a choice, of JSON or of a match is none; a text that is held to nothing may do."""
        if self._sampling.constraint is None or completion.finish_reason is not FinishReason.LENGTH:
            return
        raise RowError(
            Code.CUT_SHORT,
            f"the answer was cut short at {self._spec.max_tokens} tokens, and is not yet what it is held to: "
            "raise --max-tokens",
        )

    def _messages(self, row: Row, text: str) -> list[dict[str, str]]:
        messages = _given_messages(row) or [{"role": "user", "content": text}]
        if self._spec.system is not None and messages[0]["role"] != "system":
            messages.insert(0, {"role": "system", "content": self._spec.system})
        return messages


def _constraint(spec: GenerateSpec) -> Constraint | None:
    if spec.choices is not None:
        return Choice(spec.choices)
    if spec.json_schema is not None:
        return JsonSchema(spec.json_schema)
    return Regex(spec.regex) if spec.regex is not None else None


def _given_messages(row: Row) -> list[dict[str, str]]:
    if (given := row.columns.get("messages")) is None:
        return []
    try:
        return [message.model_dump() for message in _MESSAGES.validate_python(given)]
    except ValidationError as error:
        reason = f"`messages` must be a list of objects with role and content: {error.errors()[0]['msg']}"
        raise RowError(Code.BAD_REQUEST, reason) from error
