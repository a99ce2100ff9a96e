"""Two requests that differ are told apart in the words of the command line."""

import pytest

from jobs.spec import ClassifySpec, Example, GenerateSpec, HeadRef, Label, Spec, SummarizeSpec
from producer.request_words import differences

A_B = (Label(name="a"), Label(name="b"))
A_B_C = (*A_B, Label(name="c"))


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        (ClassifySpec(labels=A_B), ClassifySpec(labels=A_B_C), ["--labels a,b, now a,b,c"]),
        (
            ClassifySpec(labels=A_B),
            ClassifySpec(labels=(Label(name="a"), Label(name="b", description="of code"))),
            ["another --labels"],
        ),
        (
            ClassifySpec(labels=A_B),
            ClassifySpec(labels=A_B, scores=False),
            ["--label-only not given, now given"],
        ),
        (
            ClassifySpec(labels=A_B, examples=(Example(text="secret", label="a"),)),
            ClassifySpec(labels=A_B, examples=(Example(text="private", label="a"),)),
            ["another --examples"],
        ),
        (
            ClassifySpec(labels=A_B, head=HeadRef(sha256="0" * 64)),
            ClassifySpec(labels=A_B),
            ["--head given, now not given"],
        ),
        (GenerateSpec(choices=("x", "y")), GenerateSpec(), ["--choices x,y, now not given"]),
        (GenerateSpec(seed=0), GenerateSpec(seed=1), ["--seed 0, now 1"]),
        (GenerateSpec(max_tokens=7), SummarizeSpec(), ["the kind generate, now summarize"]),
        (GenerateSpec(), GenerateSpec(), []),
    ],
)
def test_a_difference_is_told_by_option_and_value_or_by_option_alone(
    before: Spec, now: Spec, told: list[str]
) -> None:
    assert list(differences(dict(before), dict(now))) == told
