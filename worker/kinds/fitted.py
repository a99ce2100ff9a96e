"""Fitted: classify with a head that was fitted on labelled rows; the model is only asked for a vector."""

from typing import Any

import numpy as np

from jobs.heads import Head
from jobs.manifest import Row
from jobs.outcome import Code, RowError, Usage
from jobs.spec import ClassifySpec
from worker.kinds.embed import ask_vector
from worker.kinds.label_result import label_alone, one_label
from worker.kinds.probabilities import softmax
from worker.model import Model, usage_of


class Fitted:
    def __init__(self, spec: ClassifySpec, model: Model, head: Head) -> None:
        self._spec = spec
        self._model = model
        self._vectors = head.card.vectors
        # float64 as vectors are: numpy would otherwise convert the weights for every row.
        self._weight = np.frombuffer(head.weight, "<f4").reshape(len(head.card.labels), -1).astype(np.float64)
        self._bias = np.frombuffer(head.bias, "<f4").astype(np.float64)

    async def prepare(self) -> None:
        """All that rows share has been learned."""

    async def run(self, row: Row, text: str) -> tuple[dict[str, Any], Usage]:
        pooled = await ask_vector(self._model, self._vectors, text)
        vector = np.asarray(pooled.embedding)  # [num_features] float64
        if vector.shape != self._weight.shape[1:]:
            raise RowError(
                Code.REFUSED,
                f"the head reads {self._weight.shape[1]} numbers, and the model gave {vector.size}",
            )
        logits = self._weight @ vector + self._bias
        label = one_label if self._spec.scores else label_alone
        return label(self._spec, softmax(logits.tolist())), usage_of(pooled)
