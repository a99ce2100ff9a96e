"""Classify with a model that was trained to tell its labels apart: nothing is asked in words."""

import math
from typing import Any

from engine import LabelScores, Request
from jobs.manifest import Row
from jobs.outcome import Usage
from jobs.spec import ClassifySpec
from jobs.spec.classify import DEFAULT_THRESHOLD
from worker.kinds.classify import softmax
from worker.model import Model, usage_of

_DIGITS = 6


class OwnLabels:
    """`spec.labels` are some of the model's, or none for all of them; then the others count for nothing."""

    def __init__(self, spec: ClassifySpec, model: Model) -> None:
        assert model.abilities.labels is not None
        known = {name: place for place, name in enumerate(model.abilities.labels)}
        self._places = {label.name: known[label.name] for label in spec.labels} or known
        self._spec = spec
        self._model = model

    async def prepare(self) -> None:
        """Nothing is shared between rows."""

    async def run(self, row: Row, text: str) -> tuple[dict[str, Any], Usage]:
        ids = self._model.tokenizer.encode_as_text(text)
        scored = await self._model.ask(Request(prompt_token_ids=ids, labels=True), LabelScores)
        logprobs = [scored.label_logprobs[place] for place in self._places.values()]
        result = self._labels(logprobs) if self._model.abilities.multi_label else self._label(logprobs)
        return result, usage_of(scored)

    def _label(self, logprobs: list[float]) -> dict[str, Any]:
        """The likeliest of these labels, whose probabilities sum to 1."""
        by_name = self._by_name(softmax(logprobs))
        best = max(by_name, key=by_name.__getitem__)
        if not self._spec.scores:
            return {"label": best}
        return {"label": best, "confidence": _rounded(by_name[best]), "scores": _all_rounded(by_name)}

    def _labels(self, logprobs: list[float]) -> dict[str, Any]:
        """Each label that is as likely as asked for, whatever the others are; likeliest first."""
        by_name = self._by_name([math.exp(logprob) for logprob in logprobs])
        ranked = sorted(by_name, key=by_name.__getitem__, reverse=True)
        threshold = self._spec.threshold or DEFAULT_THRESHOLD
        labels = [name for name in ranked if by_name[name] >= threshold]
        return {"labels": labels, "scores": _all_rounded(by_name)}

    def _by_name(self, scores: list[float]) -> dict[str, float]:
        return dict(zip(self._places, scores, strict=True))


def _rounded(score: float) -> float:
    return round(score, _DIGITS)


def _all_rounded(by_name: dict[str, float]) -> dict[str, float]:
    return {name: _rounded(score) for name, score in by_name.items()}
