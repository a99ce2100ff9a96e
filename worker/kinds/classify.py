"""Classify: each label's log-probability after the text, less what the label gets after no text at all."""

import math
from typing import Any

from engine import BestChoice, ChoiceScores, Request
from jobs.manifest import Row
from jobs.outcome import Usage
from jobs.spec import ClassifySpec, Label
from worker.model import Model, usage_of

# A model favours some labels whatever it reads. What it says of texts without content is that favour, and
# it is subtracted (Zhao et al. 2021, "Calibrate Before Use", arXiv 2102.09690).
_CONTENT_FREE = ("Hello.", "I have a question.", "Can you help me with something?", "Please do it for me.")
_DIGITS = 6


class Classify:
    def __init__(self, spec: ClassifySpec, model: Model) -> None:
        self._spec = spec
        self._model = model
        self._instructions = instructions(spec)
        self._choices = tuple(f" {label.words}" for label in spec.labels)
        self._prior = [0.0] * len(spec.labels)

    async def prepare(self) -> None:
        """Learn the prior: the mean log-probability of each label after texts without content."""
        blank = [(await self._score(text)).choice_logprobs for text in _CONTENT_FREE]
        self._prior = [math.fsum(column) / len(blank) for column in zip(*blank, strict=True)]

    async def run(self, row: Row, text: str) -> tuple[dict[str, Any], Usage]:
        return await (self._run_scored(text) if self._spec.scores else self._run_label_only(text))

    async def _run_scored(self, text: str) -> tuple[dict[str, Any], Usage]:
        scored = await self._score(text)
        logits = [mine - prior for mine, prior in zip(scored.choice_logprobs, self._prior, strict=True)]
        scores = softmax(logits)
        best = max(range(len(scores)), key=scores.__getitem__)
        names = [label.name for label in self._spec.labels]
        result = {
            "label": names[best],
            "confidence": round(scores[best], _DIGITS),
            "scores": {name: round(score, _DIGITS) for name, score in zip(names, scores, strict=True)},
        }
        return result, usage_of(scored)

    async def _run_label_only(self, text: str) -> tuple[dict[str, Any], Usage]:
        request = Request(
            prompt_token_ids=self._prompt(text),
            choices=self._choices,
            best_only=True,
            choice_bias=[-prior for prior in self._prior],
        )
        best = await self._model.ask(request, BestChoice)
        return {"label": self._spec.labels[best.index].name}, usage_of(best)

    async def _score(self, text: str) -> ChoiceScores:
        request = Request(prompt_token_ids=self._prompt(text), choices=self._choices)
        return await self._model.ask(request, ChoiceScores)

    def _prompt(self, text: str) -> list[int]:
        return self._model.tokenizer.encode_as_text(f"{self._instructions}{_question(text)}")


def instructions(spec: ClassifySpec) -> str:
    """What all rows of a job share, first in every prompt, so that its KV is computed once."""
    by_name = {label.name: label.words for label in spec.labels}
    examples = [f"{_question(example.text)} {by_name[example.label]}" for example in spec.examples]
    return "\n\n".join([_topics(spec.labels), *examples, ""])


def _topics(labels: tuple[Label, ...]) -> str:
    if not any(label.description for label in labels):
        return f"Topics: {', '.join(label.words for label in labels)}."
    return "Topics:\n" + "\n".join(f"- {label.words}: {label.description or label.words}" for label in labels)


def softmax(logits: list[float]) -> list[float]:
    """Probabilities that sum to 1."""
    top = max(logits)
    weights = [math.exp(logit - top) for logit in logits]
    total = math.fsum(weights)
    return [weight / total for weight in weights]


def _question(text: str) -> str:
    return f"Message: {' '.join(text.split())}\nTopic:"
