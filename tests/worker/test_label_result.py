"""What a row's result says of its labels' probabilities."""

import math
from typing import Any

import pytest

from jobs.spec import ClassifySpec, Label
from worker.kinds.label_result import one_label, several_labels
from worker.kinds.probabilities import each_alone, softmax

TREE = ("billing/refund", "billing/invoice", "bug/crash", "other")


def _spec(*names: str, **more: Any) -> ClassifySpec:
    return ClassifySpec(labels=tuple(Label(name=name) for name in names), **more)


def test_a_row_without_a_sure_label_names_the_likeliest_in_order() -> None:
    result = one_label(_spec("a", "b", "c", "d", abstain_below=0.5), [0.1, 0.4, 0.2, 0.3])
    assert result["label"] is None
    assert result["confidence"] == 0.4
    assert result["candidates"] == [
        {"label": "b", "score": 0.4}, {"label": "d", "score": 0.3}, {"label": "c", "score": 0.2},
    ]  # fmt: skip


def test_a_sure_label_is_given_and_has_no_candidates() -> None:
    result = one_label(_spec("a", "b", abstain_below=0.5), [0.5, 0.5])
    assert result == {"label": "a", "confidence": 0.5, "scores": {"a": 0.5, "b": 0.5}}


def test_a_parent_is_as_likely_as_its_children_together_and_stands_in_the_path() -> None:
    result = one_label(_spec(*TREE), [0.4, 0.3, 0.2, 0.1])
    assert result["label"] == "billing/refund"
    assert result["path"] == [{"label": "billing", "score": 0.7}, {"label": "billing/refund", "score": 0.4}]


def test_only_the_parent_is_given_where_only_the_parent_is_sure() -> None:
    result = one_label(_spec(*TREE, abstain_below=0.6), [0.4, 0.3, 0.2, 0.1])
    assert (result["label"], result["confidence"]) == ("billing", 0.7)
    assert result["path"] == [{"label": "billing", "score": 0.7}]
    assert result["candidates"][0] == {"label": "billing/refund", "score": 0.4}


def test_a_label_without_levels_stands_beside_those_that_have_some() -> None:
    result = one_label(_spec(*TREE, abstain_below=0.5), [0.1, 0.1, 0.1, 0.7])
    assert (result["label"], result["path"]) == ("other", [{"label": "other", "score": 0.7}])
    nothing = one_label(_spec(*TREE, abstain_below=0.9), [0.1, 0.1, 0.1, 0.7])
    assert (nothing["label"], nothing["path"]) == (None, [])


PARENT_TOO = ("billing", "billing/refund", "bug")


def test_a_label_that_is_a_parent_too_is_as_sure_as_its_path_says() -> None:
    result = one_label(_spec(*PARENT_TOO), [0.4, 0.3, 0.3])
    assert (result["label"], result["confidence"]) == ("billing", 0.7)
    assert result["path"] == [{"label": "billing", "score": 0.7}]
    assert result["scores"] == {"billing": 0.4, "billing/refund": 0.3, "bug": 0.3}
    assert "candidates" not in result


def test_a_parent_that_is_a_label_too_has_candidates_where_only_the_parent_is_sure() -> None:
    result = one_label(_spec(*PARENT_TOO, abstain_below=0.6), [0.3, 0.4, 0.3])
    assert (result["label"], result["confidence"]) == ("billing", 0.7)
    assert result["candidates"][0] == {"label": "billing/refund", "score": 0.4}
    assert "candidates" not in one_label(_spec(*PARENT_TOO, abstain_below=0.6), [0.6, 0.3, 0.1])


@pytest.mark.parametrize(("threshold", "labels"), [(0.3, ["c", "a"]), (0.95, []), (None, ["c"])])
def test_a_row_has_all_labels_that_reach_the_threshold(threshold: float | None, labels: list[str]) -> None:
    result = several_labels(_spec("a", "b", "c", multi=True, threshold=threshold), [0.4, 0.2, 0.9])
    assert result == {"labels": labels, "scores": {"a": 0.4, "b": 0.2, "c": 0.9}}


def test_each_label_alone_is_judged_against_the_others_by_the_root_of_their_number() -> None:
    alone = each_alone([0.0, 0.0, 0.0, 0.0, math.log(2)])
    assert alone == pytest.approx([1 / (1 + 5 / 2)] * 4 + [2 / (2 + 4 / 2)])
    assert each_alone([-5000.0, 0.0]) == pytest.approx([0.0, 1.0])


def test_probabilities_of_one_right_label_sum_to_one_whatever_the_logits() -> None:
    assert softmax([-1000.0, -1000.0 + math.log(3)]) == pytest.approx([0.25, 0.75])
