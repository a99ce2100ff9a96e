"""Summarise: a document that fits in one request, a longer one section by section, merged in a tree."""

import asyncio
from typing import Any

from engine import Completion, Request, Sampling
from jobs.manifest import Row
from jobs.outcome import Code, RowError, Usage
from jobs.spec import SummarizeSpec
from worker.model import Model, usage_of
from worker.sections import split_sections
from worker.summary_text import tidy_summary

_TOKENS_PER_WORD = 1.6
_ANSWER_MARGIN_TOKENS = 16
_READ = "Summarize the following document in at most {words} words."
_MERGE = (
    "The following are summaries of the consecutive parts of one document. "
    "Combine them into one summary of the whole document in at most {words} words."
)


class Summarize:
    def __init__(self, spec: SummarizeSpec, model: Model) -> None:
        self._spec = spec
        self._model = model
        max_tokens = round(spec.max_words * _TOKENS_PER_WORD) + _ANSWER_MARGIN_TOKENS
        self._sampling = Sampling(max_tokens=max_tokens, repetition_penalty=1.05)

    async def prepare(self) -> None:
        """Nothing is shared between documents but the instruction, which the prefix cache keeps."""

    async def run(self, row: Row, text: str) -> tuple[dict[str, Any], Usage]:
        sections = self._split(text, _READ)
        num_sections = len(sections)
        summaries, usage = await self._ask_all(_READ, sections)
        while len(summaries) > 1:
            merged = self._split("\n\n".join(summaries), _MERGE)
            if len(merged) >= len(summaries):
                raise RowError(Code.TOO_LONG, "the summaries of its sections don't get shorter when merged")
            summaries, more = await self._ask_all(_MERGE, merged)
            usage += more
        return {"summary": summaries[0], "sections": num_sections}, usage

    def _split(self, text: str, task: str) -> list[str]:
        count_tokens = self._count_tokens
        room = self._model.max_model_len - self._sampling.max_tokens - count_tokens(self._prompt(task, ""))
        if room < 64:
            raise RowError(
                Code.TOO_LONG,
                f"the model's {self._model.max_model_len} tokens have no room for a summary of "
                f"{self._spec.max_words} words; ask for fewer",
            )
        return split_sections(text, room - 8, count_tokens)

    async def _ask_all(self, task: str, sections: list[str]) -> tuple[list[str], Usage]:
        answers = await asyncio.gather(*(self._ask(task, section) for section in sections))
        usage = Usage()
        for answer in answers:
            usage += usage_of(answer)
        return [tidy_summary(answer.text, self._spec.max_words) for answer in answers], usage

    async def _ask(self, task: str, section: str) -> Completion:
        ids = self._model.tokenizer.encode(self._prompt(task, section))
        return await self._model.ask(Request(prompt_token_ids=ids, sampling=self._sampling), Completion)

    def _prompt(self, task: str, section: str) -> str:
        instruction = task.format(words=self._spec.max_words)
        return self._model.tokenizer.chat([{"role": "user", "content": f"{instruction}\n\n{section}"}])

    def _count_tokens(self, text: str) -> int:
        return len(self._model.tokenizer.encode(text))
