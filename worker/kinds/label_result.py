"""From the probabilities of labels to a row's result."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from jobs.spec import ClassifySpec
from jobs.spec.classify import DEFAULT_THRESHOLD, LEVELS

_DIGITS = 6
_NUM_CANDIDATES = 3
Scores = Mapping[str, float]


def one_label(spec: ClassifySpec, probabilities: Sequence[float]) -> dict[str, Any]:
    """The likeliest label, or as much of it as is sure enough; the probabilities sum to 1.

    A label may be the parent of others. Then it is as likely as it and they together, but in `scores` and
    among the candidates, where it stands for itself.
    """
    scores = dict(zip((label.name for label in spec.labels), probabilities, strict=True))
    by_level = _by_level(spec, scores)
    name, is_in_full = _sure(by_level, spec.abstain_below)
    path = [] if name is None else _path(name, by_level)
    confidence = path[-1]["score"] if path else round(max(probabilities), _DIGITS)
    result: dict[str, Any] = {"label": name, "confidence": confidence}
    if spec.has_levels:
        result["path"] = path
    if not is_in_full:
        best = sorted(scores, key=scores.__getitem__, reverse=True)[:_NUM_CANDIDATES]
        result["candidates"] = [_candidate(each, scores) for each in best]
    return result | {"scores": _rounded(scores)}


def label_alone(spec: ClassifySpec, probabilities: Sequence[float]) -> dict[str, Any]:
    """The likeliest label, without what it is based on."""
    best = max(range(len(probabilities)), key=probabilities.__getitem__)
    return {"label": spec.labels[best].name}


def several_labels(spec: ClassifySpec, probabilities: Sequence[float]) -> dict[str, Any]:
    """All labels that are probable enough, the likeliest first; each probability is its own."""
    scores = dict(zip((label.name for label in spec.labels), probabilities, strict=True))
    likeliest = sorted(scores, key=scores.__getitem__, reverse=True)
    return {
        "labels": [name for name in likeliest if scores[name] >= (spec.threshold or DEFAULT_THRESHOLD)],
        "scores": _rounded(scores),
    }


def _by_level(spec: ClassifySpec, scores: Scores) -> list[dict[str, float]]:
    """The probabilities level by level, from the topmost on: a parent's is the sum of its children's.

    A label with fewer levels than others counts on the levels below, too.
    """
    deepest = max(len(label.path) for label in spec.labels)
    levels: list[dict[str, float]] = [defaultdict(float) for _ in range(deepest)]
    for label in spec.labels:
        for level, sums in enumerate(levels):
            sums[LEVELS.join(label.path[: level + 1])] += scores[label.name]
    return levels


def _sure(by_level: list[dict[str, float]], abstain_below: float | None) -> tuple[str | None, bool]:
    """The likeliest of the deepest level on which that is sure enough, and whether that is the last one."""
    for scores in reversed(by_level):
        best = max(scores, key=scores.__getitem__)
        if abstain_below is None or scores[best] >= abstain_below:
            return best, scores is by_level[-1]
    return None, False


def _path(name: str, by_level: list[dict[str, float]]) -> list[dict[str, Any]]:
    levels = name.split(LEVELS)
    names = [LEVELS.join(levels[: depth + 1]) for depth in range(len(levels))]
    return [_candidate(each, scores) for each, scores in zip(names, by_level, strict=False)]


def _candidate(name: str, scores: Scores) -> dict[str, Any]:
    return {"label": name, "score": round(scores[name], _DIGITS)}


def _rounded(scores: Scores) -> dict[str, float]:
    return {name: round(score, _DIGITS) for name, score in scores.items()}
