"""Ask for one summary, look at it, and ask once more where something is wrong with it."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from engine import Completion, Request, Sampling
from jobs.outcome import Code, RowError, Usage
from jobs.spec import SummarizeSpec
from jobs.styles import Form
from worker.model import Model
from worker.shard_memory import SectionAnswer, ShardMemory
from worker.summaries.fence import without_tags
from worker.summaries.prompts import Ask, Prompt, Prompts, Stage, Use
from worker.summaries.quality import Answered, Flaw, find_flaw, is_worse
from worker.summaries.sections import split_sections
from worker.summaries.support import with_known_numbers, with_known_words
from worker.summaries.tidy import tidy
from worker.summaries.words import count_words, looks_english, means_english

_TOKENS_PER_WORD = 1.6
_MOST_TOKENS_PER_WORD = 6.0
_ANSWER_MARGIN_TOKENS = 16
_LEAST_SECTION_TOKENS = 64
_SAMPLED_CHARS = 20_000


@dataclass(frozen=True, slots=True)
class Summary:
    """What came of asking, and what is wrong with it, if anything."""

    text: str
    flaw: Flaw | None = None
    usage: Usage = field(default_factory=Usage)


class Writer:
    """For one document: its prompts, its room, and the row under which its answers are kept."""

    def __init__(
        self, spec: SummarizeSpec, model: Model, memory: ShardMemory, row_id: str, title: str, text: str
    ) -> None:
        self._spec = spec
        self._model = model
        self._memory = memory
        self._row_id = row_id
        self._title = title
        self._prompts = Prompts(spec, looks_english(text))
        self._tokens_per_word = self._measure(text)

    def split(self, text: str, ask: Ask) -> list[str]:
        """Sections of a document or of notes, each with room for its answer."""
        return split_sections(text, min(self._room(ask), self._spec.section_tokens), self._count_tokens)

    def fits(self, text: str, ask: Ask) -> bool:
        """Whether the model's context can hold it whole."""
        return self._count_tokens(text) < self._room(ask)

    async def write_all(self, ask: Ask, texts: Sequence[str]) -> list[Summary]:
        """A summary of each text, asked side by side."""
        asks = [replace(ask, part=number) for number in range(1, len(texts) + 1)]
        if ask.stage is Stage.SECTION:
            asks = [replace(each, section=each.part, sections=len(texts)) for each in asks]
        return list(await asyncio.gather(*map(self.write, asks, texts)))

    async def write(self, ask: Ask, text: str) -> Summary:
        """The better of at most two tries: the second is drawn at random, the same draw on every run."""
        prompt = self._prompts.of(replace(ask, title=self._title), text)
        first = await self._try(ask, text, prompt, self._sampling(ask))
        if first.flaw is None:
            return first
        drawn = replace(self._sampling(ask), temperature=0.7, top_p=0.9, seed=_seed(prompt))
        second = await self._try(ask, text, prompt, drawn)
        best = second if is_worse(first.flaw, second.flaw) else first
        return replace(best, usage=first.usage + second.usage)

    async def _try(self, ask: Ask, text: str, prompt: Prompt, sampling: Sampling) -> Summary:
        answer = await self._ask(prompt, sampling)
        said = prompt.opening + without_tags(answer.text, text)
        form, is_told = self._prompts.form(ask.use), self._spec.language is None
        summary = tidy(said, form, ask.max_words, ended=not answer.cut_off)
        if form is Form.SENTENCES and is_told:
            summary = with_known_words(summary, text)
        summary = with_known_numbers(summary, form, text, prompt.instructions)
        answered = Answered(
            # What was given of the answer is none of the model's doing.
            summary=summary.removeprefix(prompt.opening.strip()),
            answer=answer.text,
            was_cut=answer.cut_off,
            source=text,
            instructions=prompt.instructions,
            max_words=ask.max_words,
            in_other_language=not is_told,
            # A note may be in any language: another answer is made of it.
            never_english=ask.use is not Use.NOTE and self._is_never_english(),
        )
        return Summary(summary, find_flaw(answered), answer.usage)

    def _is_never_english(self) -> bool:
        return self._spec.language is not None and not means_english(self._spec.language)

    async def _ask(self, prompt: Prompt, sampling: Sampling) -> SectionAnswer:
        request = Request(prompt_token_ids=self._token_ids(prompt), sampling=sampling)
        if (known := self._memory.section(self._row_id, request)) is not None:
            return known
        completion = await self._model.ask(request, Completion)
        return self._memory.keep_section(self._row_id, request, completion)

    def _token_ids(self, prompt: Prompt) -> list[int]:
        opening = self._model.tokenizer.encode(prompt.opening, add_special_tokens=False)
        return self._model.tokenizer.chat_token_ids(prompt.messages) + opening

    def _sampling(self, ask: Ask) -> Sampling:
        max_tokens = round(ask.max_words * self._tokens_per_word) + _ANSWER_MARGIN_TOKENS
        # A penalty on what the answer has said, not on what the document says: its names must stay sayable.
        return Sampling(max_tokens=max_tokens, frequency_penalty=0.6)

    def _room(self, ask: Ask) -> int:
        frame = self._prompts.of(replace(ask, title=self._title), "")
        used = len(self._token_ids(frame)) + self._sampling(ask).max_tokens
        room = self._model.max_model_len - used
        if room < _LEAST_SECTION_TOKENS:
            raise RowError(
                Code.TOO_LONG,
                f"the model's {self._model.max_model_len} tokens have no room for a text beside a summary of "
                f"{self._spec.max_words} words; ask for fewer",
            )
        return room

    def _measure(self, text: str) -> float:
        """Tokens a word takes: a model that knows a language badly spells its words out."""
        sample = text[:_SAMPLED_CHARS]
        measured = self._count_tokens(sample) / max(count_words(sample), 1)
        return min(max(measured, _TOKENS_PER_WORD), _MOST_TOKENS_PER_WORD)

    def _count_tokens(self, text: str) -> int:
        return len(self._model.tokenizer.encode(text, add_special_tokens=False))


def _seed(prompt: Prompt) -> int:
    """From what is asked alone: neither the time nor the neighbours decide what a row gets."""
    asked = "\n".join(message["content"] for message in prompt.messages)
    return int.from_bytes(hashlib.sha256(asked.encode(errors="replace")).digest()[:8])
