"""A model that has learned its labels is asked for their scores, and for nothing else."""

import asyncio
from typing import Any

import pytest

from engine import Abilities, LabelScores, Request
from jobs.manifest import Row
from jobs.spec import ClassifySpec, Label
from tests.worker.fakes import fake_model, label_scores
from worker.engine_messages import Result
from worker.kinds import make_kind

LABELS = ("billing", "bug", "praise")
ONE_OF_THEM = Abilities(generates=False, labels=LABELS)
ANY_OF_THEM = Abilities(generates=False, labels=LABELS, multi_label=True)


def classified(
    abilities: Abilities, answer: LabelScores, *labels: str, **spec: Any
) -> tuple[dict[str, Any], list[Request]]:
    """The result of a row, and what was asked."""
    asked: list[Request] = []

    def note(_prompt: str, request: Request) -> Result:
        asked.append(request)
        return answer

    model, _ = fake_model(note, abilities=abilities)
    named = tuple(Label(name=name) for name in labels)
    kind = make_kind(ClassifySpec(labels=named, **spec), model)

    async def run() -> dict[str, Any]:
        await kind.prepare()
        return (await kind.run(Row(id="1"), "charged twice"))[0]

    return asyncio.run(run()), asked


def test_the_likeliest_of_the_models_labels_wins() -> None:
    result, asked = classified(ONE_OF_THEM, label_scores(0.2, 0.7, 0.1))
    assert result == {
        "label": "bug",
        "confidence": 0.7,
        "scores": {"billing": 0.2, "bug": 0.7, "praise": 0.1},
    }
    assert [(request.labels, request.choices, request.pool) for request in asked] == [(True, None, None)]


def test_of_some_of_its_labels_the_likeliest_wins_as_if_there_were_no_others() -> None:
    result, _ = classified(ONE_OF_THEM, label_scores(0.2, 0.7, 0.1), "praise", "billing")
    assert result["label"] == "billing"
    assert result["scores"] == pytest.approx({"praise": 1 / 3, "billing": 2 / 3}, abs=1e-6)


def test_labels_that_may_hold_together_are_all_that_reach_the_threshold_likeliest_first() -> None:
    result, _ = classified(ANY_OF_THEM, label_scores(0.6, 0.9, 0.2), multi=True)
    assert result == {"labels": ["bug", "billing"], "scores": {"billing": 0.6, "bug": 0.9, "praise": 0.2}}
    result, _ = classified(
        ANY_OF_THEM, label_scores(0.6, 0.9, 0.2), "billing", "praise", multi=True, threshold=0.15
    )
    assert result == {"labels": ["billing", "praise"], "scores": {"billing": 0.6, "praise": 0.2}}
    assert classified(ANY_OF_THEM, label_scores(0.1, 0.1, 0.1))[0]["labels"] == []


def test_scores_are_left_out_where_they_are_not_wanted() -> None:
    assert classified(ONE_OF_THEM, label_scores(0.2, 0.7, 0.1), scores=False)[0] == {"label": "bug"}
