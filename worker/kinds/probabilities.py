"""From logits to probabilities."""

import math
from collections.abc import Sequence


def softmax(logits: Sequence[float]) -> list[float]:
    """Of labels of which one is right: they sum to 1."""
    total = _log_sum(logits)
    return [math.exp(logit - total) for logit in logits]


def each_alone(logits: Sequence[float]) -> list[float]:
    """Of labels of which any number may be right: each one's odds against the mean of the others'."""
    mean = math.log(len(logits) - 1)
    rest = (_log_sum([*logits[:place], *logits[place + 1 :]]) - mean for place in range(len(logits)))
    return [1 / (1 + math.exp(min(other - logit, 700.0))) for logit, other in zip(logits, rest, strict=True)]


def _log_sum(logits: Sequence[float]) -> float:
    top = max(logits)
    return top + math.log(math.fsum(math.exp(logit - top) for logit in logits))
