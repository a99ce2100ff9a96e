"""Classify with a model that was trained to tell its labels apart: nothing is asked in words."""

import math
from typing import Any

from engine import LabelScores, Request
from jobs.manifest import Row
from jobs.outcome import Usage
from jobs.spec import ClassifySpec, Label
from worker.kinds.label_result import label_alone, one_label, several_labels
from worker.kinds.probabilities import softmax
from worker.model import Model, usage_of


class OwnLabels:
    """`spec.labels` are some of the model's, or none for all of them; then the others count for nothing."""

    def __init__(self, spec: ClassifySpec, model: Model) -> None:
        assert model.abilities.labels is not None
        known = {name: place for place, name in enumerate(model.abilities.labels)}
        labels = spec.labels or tuple(Label(name=name) for name in known)
        self._places = [known[label.name] for label in labels]
        self._spec = spec.model_copy(update={"labels": labels})
        self._model = model

    async def prepare(self) -> None:
        """Nothing is shared between rows."""

    async def run(self, row: Row, text: str) -> tuple[dict[str, Any], Usage]:
        ids = self._model.tokenizer.encode_as_text(text)
        scored = await self._model.ask(Request(prompt_token_ids=ids, labels=True), LabelScores)
        logprobs = [scored.label_logprobs[place] for place in self._places]
        return self._result(logprobs), usage_of(scored)

    def _result(self, logprobs: list[float]) -> dict[str, Any]:
        if self._model.abilities.multi_label:  # each holds or not, whatever the others do
            return several_labels(self._spec, [math.exp(logprob) for logprob in logprobs])
        label = one_label if self._spec.scores else label_alone
        return label(self._spec, softmax(logprobs))
