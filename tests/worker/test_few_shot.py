"""Which examples a prompt holds."""

import pytest

from jobs.outcome import Code, RowError
from jobs.spec import Example
from worker.kinds.few_shot import DEFAULT_TOKENS, choose

LABELS = ("a", "b")
EXAMPLES = [Example(text=text, label=text[0]) for text in ("a1", "a2", "a3", "b1", "b2")]


def _chosen(budget: int | None, tokens_each: int = 10, context: int = 10_000) -> list[str]:
    return [each.text for each in choose(EXAMPLES, LABELS, lambda _: tokens_each, budget, context)]


@pytest.mark.parametrize(
    ("budget", "texts"),
    [
        (20, ["a1", "b1"]),
        (39, ["a1", "b1"]),
        (40, ["a1", "b1", "a2", "b2"]),
        (99, ["a1", "b1", "a2", "b2", "a3"]),
    ],
)
def test_every_label_has_as_many_as_the_others_while_it_has_some_left(budget: int, texts: list[str]) -> None:
    assert _chosen(budget) == texts


def test_a_budget_that_holds_not_one_of_each_label_is_refused_with_what_it_takes() -> None:
    with pytest.raises(
        RowError, match="each of 2 labels takes 20 tokens, and 19 are allowed: raise --examples-t"
    ) as told:
        _chosen(19)
    assert told.value.code is Code.REFUSED


def test_without_a_budget_one_of_each_label_is_taken_however_long_it_is() -> None:
    assert _chosen(None, tokens_each=DEFAULT_TOKENS) == ["a1", "b1"]


def test_examples_never_take_more_than_half_of_the_context() -> None:
    assert _chosen(1000, context=50) == ["a1", "b1"]
    with pytest.raises(RowError, match="at most half"):
        _chosen(None, context=30)
