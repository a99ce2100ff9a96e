"""Classify: each label's log-probability after the text, less what the label gets whatever a text says."""

import asyncio
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from engine import BestChoice, ChoiceScores, Embedding, Request
from jobs.calibration import Prior
from jobs.manifest import Row
from jobs.outcome import Usage
from jobs.spec import ClassifySpec
from jobs.stores import MemoryStore
from worker.job_prior import JobPrior, Judged
from worker.kinds.label_prior import learn_prior
from worker.kinds.label_prompt import LabelPrompt
from worker.kinds.label_result import one_label, several_labels
from worker.kinds.probabilities import each_alone, softmax
from worker.likeness import Likeness
from worker.model import Model, usage_of


class Classify:
    """`job_prior` is where the job's prior is found and frozen; without one it is learned from no rows."""

    def __init__(self, spec: ClassifySpec, model: Model, job_prior: JobPrior | None = None) -> None:
        self._spec = spec
        self._model = model
        self._job_prior = job_prior or JobPrior(MemoryStore(), "none")
        self._prior = Prior.nothing(len(spec.labels))

    async def prepare(self) -> None:
        """Look at the examples, then get the job's prior, or learn it; once for all shards that run here."""
        num_labels = len(self._spec.labels)
        self._prior = await self._job_prior.get(self._look_at_examples, self._learn, num_labels)

    async def run(self, row: Row, text: str) -> tuple[dict[str, Any], Usage]:
        return await (self._run_scored(text) if self._spec.scores else self._run_label_only(text))

    @cached_property
    def _prompt(self) -> LabelPrompt:
        return LabelPrompt(self._spec, self._model.tokenizer, self._model.max_model_len)

    async def _look_at_examples(self) -> Likeness | None:
        if not (examples := self._spec.examples):
            return None
        vectors = await asyncio.gather(*(self._vector(example.text) for example in examples))
        places = {label.name: place for place, label in enumerate(self._spec.labels)}
        of_examples = [places[example.label] for example in examples]
        return Likeness([each.embedding for each in vectors], of_examples, len(places))

    async def _learn(self, texts: Sequence[str]) -> Prior:
        return await learn_prior(self._spec, texts, self._judge_and_remember)

    async def _judge_and_remember(self, text: str) -> Sequence[float]:
        judged = self._job_prior.judged[text] = await self._judge(text)
        return judged.logits

    async def _run_scored(self, text: str) -> tuple[dict[str, Any], Usage]:
        judged = self._job_prior.judged.get(text) or await self._judge(text)
        logits = [mine - prior for mine, prior in zip(judged.logits, self._prior.logprobs, strict=True)]
        if self._spec.multi:
            return several_labels(self._spec, each_alone(logits)), judged.usage
        return one_label(self._spec, softmax(logits)), judged.usage

    async def _run_label_only(self, text: str) -> tuple[dict[str, Any], Usage]:
        bonuses, usage = await self._bonuses(text)
        request = Request(
            prompt_token_ids=self._prompt.token_ids(text),
            choices=self._prompt.choices,
            best_only=True,
            choice_bias=[bonus - prior for bonus, prior in zip(bonuses, self._prior.logprobs, strict=True)],
        )
        best = await self._model.ask(request, BestChoice)
        return {"label": self._spec.labels[best.index].name}, usage_of(best) + usage

    async def _judge(self, text: str) -> Judged:
        """What speaks for each label before the prior is taken off."""
        request = Request(prompt_token_ids=self._prompt.token_ids(text), choices=self._prompt.choices)
        scored, (bonuses, usage) = await asyncio.gather(
            self._model.ask(request, ChoiceScores), self._bonuses(text)
        )
        logits = [logprob + bonus for logprob, bonus in zip(scored.choice_logprobs, bonuses, strict=True)]
        return Judged(logits, usage_of(scored) + usage)

    async def _bonuses(self, text: str) -> tuple[Sequence[float], Usage]:
        if (likeness := self._job_prior.likeness) is None:
            return [0.0] * len(self._spec.labels), Usage()
        vector = await self._vector(text)
        return likeness.bonuses(vector.embedding), usage_of(vector)

    async def _vector(self, text: str) -> Embedding:
        ids = self._model.tokenizer.encode_as_text(" ".join(text.split()))
        request = Request(prompt_token_ids=ids, pool="mean", layer=self._model.subject_layer)
        return await self._model.ask(request, Embedding)
