"""Summarise: a document that fits a section in one request, a longer one in sections, merged in a tree."""

import asyncio
from dataclasses import dataclass
from typing import Any

from engine import Completion, Request, Sampling
from jobs.manifest import Row
from jobs.outcome import Code, RowError, Usage
from jobs.spec import SummarizeSpec
from worker.model import Model
from worker.sections import split_sections
from worker.shard_memory import SectionAnswer, ShardMemory
from worker.summary_text import tidy_summary

_TOKENS_PER_WORD = 1.6
_ANSWER_MARGIN_TOKENS = 16
_LEAST_SECTION_TOKENS = 64
_SYSTEM = "You write short, factual summaries of documents."


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to ask of a text.

    The question comes after the text, and the answer's first words are given: on a small model both decide
    whether the answer is about the text at all, rather than about the weather or the assistant.
    """

    question: str
    opening: str


_QUESTION = "What is the {thing} above about? Give its main points in at most {{words}} words."
_COMBINE = "Combine the notes above into one summary of at most {words} words."
_OPENING = "The document is about"
_PART_OPENING = "It is about"

WHOLE = Task(_QUESTION.format(thing="document"), _OPENING)
PART = Task(_QUESTION.format(thing="text"), _PART_OPENING)
MERGE = Task(_COMBINE, _OPENING)
MERGE_PART = Task(_COMBINE, _PART_OPENING)


class Summarize:
    def __init__(self, spec: SummarizeSpec, model: Model, memory: ShardMemory) -> None:
        self._spec = spec
        self._model = model
        self._memory = memory
        max_tokens = round(spec.max_words * _TOKENS_PER_WORD) + _ANSWER_MARGIN_TOKENS
        # A penalty on what the answer has said, not on what the document says: its names must stay sayable.
        self._sampling = Sampling(max_tokens=max_tokens, frequency_penalty=0.6)

    async def prepare(self) -> None:
        """Nothing is shared between documents."""

    async def run(self, row: Row, text: str) -> tuple[dict[str, Any], Usage]:
        sections = await asyncio.to_thread(self._split, text, WHOLE)
        num_sections = len(sections)
        notes, usage = await self._ask_all(row.id, WHOLE if num_sections == 1 else PART, sections)
        while len(notes) > 1:
            groups = self._split("\n\n".join(notes), MERGE)
            if len(groups) >= len(notes):
                raise RowError(Code.TOO_LONG, "the summaries of its sections don't get shorter when merged")
            notes, more = await self._ask_all(row.id, MERGE if len(groups) == 1 else MERGE_PART, groups)
            usage += more
        return {"summary": notes[0], "sections": num_sections}, usage

    def _split(self, text: str, task: Task) -> list[str]:
        used = len(self._prompt(task, "")) + self._sampling.max_tokens
        room = self._model.max_model_len - used
        if room < _LEAST_SECTION_TOKENS:
            raise RowError(
                Code.TOO_LONG,
                f"the model's {self._model.max_model_len} tokens have no room for a text beside a summary of "
                f"{self._spec.max_words} words; ask for fewer",
            )
        return split_sections(text, min(room, self._spec.section_tokens), self._count_tokens)

    async def _ask_all(self, row_id: str, task: Task, sections: list[str]) -> tuple[list[str], Usage]:
        answers = await asyncio.gather(*(self._ask(row_id, task, section) for section in sections))
        usage = Usage()
        for answer in answers:
            usage += answer.usage
        return [tidy_summary(task.opening + answer.text, self._spec.max_words) for answer in answers], usage

    async def _ask(self, row_id: str, task: Task, section: str) -> SectionAnswer:
        request = Request(prompt_token_ids=self._prompt(task, section), sampling=self._sampling)
        if (known := self._memory.section(row_id, request)) is not None:
            return known
        completion = await self._model.ask(request, Completion)
        return self._memory.keep_section(row_id, request, completion)

    def _prompt(self, task: Task, section: str) -> list[int]:
        question = task.question.format(words=self._spec.max_words)
        messages = [
            {"role": "system", "content": _SYSTEM},
            {"role": "user", "content": f"{section}\n\n{question}"},
        ]
        opening = self._model.tokenizer.encode(task.opening, add_special_tokens=False)
        return self._model.tokenizer.chat_token_ids(messages) + opening

    def _count_tokens(self, text: str) -> int:
        return len(self._model.tokenizer.encode(text, add_special_tokens=False))
