"""Classify: each label's log-probability after the text, less what the label gets whatever a text says."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from engine import BestChoice, ChoiceScores, Request
from jobs.calibration import Prior
from jobs.manifest import Row
from jobs.outcome import Usage
from jobs.spec import ClassifySpec
from worker.job_prior import JobPrior
from worker.kinds.label_prior import learn_prior
from worker.kinds.label_prompt import LabelPrompt
from worker.kinds.label_result import one_label, several_labels
from worker.kinds.probabilities import each_alone, softmax
from worker.model import Model, usage_of


class Classify:
    """`job_prior` is where the job's prior is found and frozen; without one it is learned from no rows."""

    def __init__(self, spec: ClassifySpec, model: Model, job_prior: JobPrior | None = None) -> None:
        self._spec = spec
        self._model = model
        self._job_prior = job_prior
        self._answers = {} if job_prior is None else job_prior.answers
        self._prior = Prior.nothing(len(spec.labels))

    async def prepare(self) -> None:
        """Get the job's prior, or learn it."""
        job_prior = self._job_prior
        self._prior = await (self._learn(()) if job_prior is None else job_prior.get(self._learn))

    @cached_property
    def _prompt(self) -> LabelPrompt:
        return LabelPrompt(self._spec, self._model.tokenizer, self._model.max_model_len)

    async def run(self, row: Row, text: str) -> tuple[dict[str, Any], Usage]:
        return await (self._run_scored(text) if self._spec.scores else self._run_label_only(text))

    async def _learn(self, texts: Sequence[str]) -> Prior:
        return await learn_prior(self._spec, texts, self._ask_and_remember)

    async def _ask_and_remember(self, text: str) -> ChoiceScores:
        scored = self._answers[text] = await self._ask(text)
        return scored

    async def _run_scored(self, text: str) -> tuple[dict[str, Any], Usage]:
        scored = self._answers.get(text) or await self._ask(text)
        logits = [
            mine - prior for mine, prior in zip(scored.choice_logprobs, self._prior.logprobs, strict=True)
        ]
        if self._spec.multi:
            return several_labels(self._spec, each_alone(logits)), usage_of(scored)
        return one_label(self._spec, softmax(logits)), usage_of(scored)

    async def _run_label_only(self, text: str) -> tuple[dict[str, Any], Usage]:
        request = Request(
            prompt_token_ids=self._prompt.token_ids(text),
            choices=self._prompt.choices,
            best_only=True,
            choice_bias=[-prior for prior in self._prior.logprobs],
        )
        best = await self._model.ask(request, BestChoice)
        return {"label": self._spec.labels[best.index].name}, usage_of(best)

    async def _ask(self, text: str) -> ChoiceScores:
        request = Request(prompt_token_ids=self._prompt.token_ids(text), choices=self._prompt.choices)
        return await self._model.ask(request, ChoiceScores)
