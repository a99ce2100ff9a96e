"""From logits to probabilities."""

import math
from collections.abc import Sequence


def softmax(logits: Sequence[float]) -> list[float]:
    """Of labels of which one is right: they sum to 1."""
    total = _log_sum(logits)
    return [math.exp(logit - total) for logit in logits]


def each_alone(logits: Sequence[float]) -> list[float]:
    """Of labels of which any number may be right: each one's odds against the others.

    Against their sum, as if one were right, two right labels would halve each other's; against their mean,
    every second label would be probable. Half-way between the two is measured best: ops/BENCHMARKS.md.
    """
    discount = math.log(len(logits) - 1) / 2
    rest = (_log_sum([*logits[:place], *logits[place + 1 :]]) - discount for place in range(len(logits)))
    return [1 / (1 + math.exp(min(other - logit, 700.0))) for logit, other in zip(logits, rest, strict=True)]


def _log_sum(logits: Sequence[float]) -> float:
    top = max(logits)
    return top + math.log(math.fsum(math.exp(logit - top) for logit in logits))
