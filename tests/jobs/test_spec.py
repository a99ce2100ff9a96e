"""What a user asks for is checked before anything is written."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from jobs.spec import ClassifySpec, EmbedSpec, Example, GenerateSpec, Label, Spec, SummarizeSpec

SPEC: TypeAdapter[Spec] = TypeAdapter(Spec)


def labels(*names: str) -> tuple[Label, ...]:
    return tuple(Label(name=name) for name in names)


def test_one_label_is_no_choice() -> None:
    with pytest.raises(ValidationError, match="at least 2 labels"):
        ClassifySpec(labels=labels("only"))


@pytest.mark.parametrize("twin", ["card lost", "Card_Lost", " card  lost "])
def test_labels_that_read_alike_are_refused_by_name(twin: str) -> None:
    with pytest.raises(ValidationError, match=f"'card_lost' and '{twin}' read alike"):
        ClassifySpec(labels=labels("card_lost", "other", twin))


def test_a_label_of_underscores_has_no_words() -> None:
    with pytest.raises(ValidationError, match="'__' has no words"):
        ClassifySpec(labels=labels("a", "__"))


def test_an_example_with_an_unknown_label_is_refused_and_the_known_ones_are_named() -> None:
    with pytest.raises(ValidationError, match="'bil'; the labels are billing, bug"):
        ClassifySpec(labels=labels("bug", "billing"), examples=(Example(text="t", label="bil"),))


def test_a_label_reads_underscores_as_spaces_and_keeps_its_name() -> None:
    label = Label(name="_card__lost_")
    assert label.words == "card lost"
    assert label.name == "_card__lost_"


def test_a_setting_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValidationError, match="max_word"):
        SPEC.validate_python({"kind": "summarize", "max_word": 20})


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"choices": ("a",), "regex": "b"}, "not --choices and --regex"),
        ({"choices": ("a",), "stop": ("b",)}, "--stop may cut an answer before it fits --choices: give one"),
        ({"choices": ("a", "b", "a")}, "the choice 'a' is given 2 times"),
        ({"choices": ()}, "at least 1"),
        ({"choices": ("a", "")}, "at least 1 character"),
        ({"regex": ""}, "at least 1 character"),
        ({"json_schema": "{"}, "is not JSON: Expecting"),
        ({"json_schema": "[]"}, "must be a JSON object"),
        ({"top_k": 5}, "--top-k does nothing at --temperature 0"),
        ({"top_p": 0.5}, "--top-p does nothing at --temperature 0"),
        ({"min_p": 0.5}, "--min-p does nothing at --temperature 0"),
        ({"min_p": 1.5, "temperature": 1.0}, "less than or equal to 1"),
        ({"seed": 2**64}, "less than"),
        ({"stop": ("",)}, "at least 1 character"),
    ],
)
def test_an_answer_that_cannot_be_is_refused(given: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        GenerateSpec(**given)


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValidationError, match="translate"):
        SPEC.validate_python({"kind": "translate"})


@pytest.mark.parametrize(
    "spec",
    [
        ClassifySpec(labels=labels("a", "b"), examples=(Example(text="t", label="b"),)),
        ClassifySpec(labels=labels("a", "b"), scores=False),
        ClassifySpec(multi=True, threshold=0.2),
        EmbedSpec(),
        EmbedSpec(pool="cls", layer=3),
        SummarizeSpec(max_words=30),
        GenerateSpec(stop=("\n",), seed=3, system="be brief"),
        GenerateSpec(temperature=1.0, top_k=3, min_p=0.1, json_schema='{"type": "object"}'),
        GenerateSpec(choices=("a", "b")),
    ],
)
def test_a_spec_survives_being_written_and_read(spec: Spec) -> None:
    assert SPEC.validate_json(SPEC.dump_json(spec)) == spec
