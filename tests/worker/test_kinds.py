"""What each kind of job asks of the engine, and what it makes of the answers."""

import asyncio
import math
from typing import Any

import pytest

from engine import Choice, Completion, Constraint, FinishReason, JsonSchema, Regex, Request, Sampling
from jobs.manifest import Row
from jobs.outcome import Code, RowError, Usage
from jobs.spec import ClassifySpec, EmbedSpec, Example, GenerateSpec, Label, Spec
from tests.worker.fakes import (
    Answer,
    FakeEngine,
    best_choice,
    completion,
    embedding,
    fake_model,
    scores,
)
from worker.engine_messages import Result
from worker.kinds import make_kind


def _run(
    spec: Spec, answer: Answer, *rows: Row, max_len: int = 400
) -> tuple[list[dict[str, Any]], FakeEngine]:
    model, engine = fake_model(answer, max_len)
    kind = make_kind(spec, model)

    async def run_all() -> list[tuple[dict[str, Any], Usage]]:
        await kind.prepare()
        return [await kind.run(row, row.text or "") for row in rows]

    return [result for result, _ in asyncio.run(run_all())], engine


LABELS = (Label(name="billing"), Label(name="account_access", description="cannot log in"))


def test_a_label_wins_by_what_the_text_adds_to_what_the_model_favours_anyway() -> None:
    def answer(prompt: str, _request: Request) -> Result:
        return scores(-1.0, -5.0) if "charged" not in prompt else scores(-1.0, -3.0)

    (result,), _ = _run(ClassifySpec(labels=LABELS), answer, Row(id="1", text="charged twice"))
    assert result["label"] == "account_access", "likelier than before, though not likeliest"
    assert sum(result["scores"].values()) == pytest.approx(1, abs=1e-5)
    assert (
        result["confidence"]
        == result["scores"]["account_access"]
        == pytest.approx(1 / (1 + math.exp(-2)), abs=1e-5)
    )


def test_a_label_alone_is_the_engines_best_choice_less_what_the_model_favours_anyway() -> None:
    asked: list[Request] = []

    def answer(_prompt: str, request: Request) -> Result:
        asked.append(request)
        return best_choice(1) if request.best_only else scores(-1.0, -5.0)

    (result,), _ = _run(ClassifySpec(labels=LABELS, scores=False), answer, Row(id="1", text="charged twice"))
    assert result == {"label": "account_access"}
    assert asked[-1].choices == asked[0].choices == (" Billing", " Account access")
    assert asked[-1].choice_bias == [1.0, 5.0]


def test_rows_share_instructions_descriptions_and_examples_word_for_word() -> None:
    spec = ClassifySpec(labels=LABELS, examples=(Example(text="no login", label="account_access"),))
    _, engine = _run(spec, _scores_or_vector, Row(id="1", text="one"), Row(id="2", text="two"))
    first, second = [prompt for prompt in engine.prompts if "Message:" in prompt][-2:]
    shared = first[: first.rindex("Message:")]
    assert second.startswith(shared)
    assert '- Billing - Account access: cannot log in, such as "no login"' in shared


def _scores_or_vector(prompt: str, request: Request) -> Result:
    if request.pool is None:
        return scores(-1.0, -2.0)
    if "login" in prompt:
        return embedding(1.0, 0.0)
    return embedding(0.0, 1.0) if "paid" in prompt or "money" in prompt else embedding(0.6, 0.6)


@pytest.mark.parametrize(("text", "label"), [("my login", "account_access"), ("my money", "billing")])
@pytest.mark.parametrize("with_scores", [True, False])
def test_the_label_whose_example_is_most_like_the_text_gains(
    text: str, label: str, with_scores: bool
) -> None:
    def answer(prompt: str, request: Request) -> Result:
        if request.choice_bias is None:
            return _scores_or_vector(prompt, request)
        first, second = request.choice_bias
        return best_choice(0 if first - 1.0 > second - 2.0 else 1)

    examples = (Example(text="no login", label="account_access"), Example(text="paid twice", label="billing"))
    spec = ClassifySpec(labels=LABELS, examples=examples, scores=with_scores)
    (result,), _ = _run(spec, answer, Row(id="1", text=text))
    assert result["label"] == label


def test_a_chat_is_asked_as_it_is_given_with_the_system_message_first() -> None:
    messages: Any = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yes?"}]
    row = Row(id="1", text="ignored", columns={"messages": messages})
    (result,), engine = _run(GenerateSpec(system="be brief"), lambda *_: completion("ok"), row)
    assert engine.prompts == ["<system> be brief <user> hi <assistant> yes?"]
    assert result == {"text": "ok", "finish_reason": "stop"}


@pytest.mark.parametrize(
    ("given", "constraint"),
    [
        ({}, None),
        ({"choices": ("yes", "no")}, Choice(("yes", "no"))),
        ({"json_schema": '{"type": "object"}'}, JsonSchema('{"type": "object"}')),
        ({"regex": "[a-z]+"}, Regex("[a-z]+")),
    ],
)
def test_an_answer_is_drawn_and_held_as_the_spec_says(given: Any, constraint: Constraint | None) -> None:
    spec = GenerateSpec(temperature=0.5, top_k=4, top_p=0.9, min_p=0.1, **given)
    asked: list[Sampling] = []

    def answer(_: str, request: Request) -> Completion:
        asked.append(request.sampling)
        return completion("ok")

    _run(spec, answer, Row(id="1", text="x"))
    wanted = Sampling(temperature=0.5, top_k=4, top_p=0.9, min_p=0.1, constraint=constraint)
    assert asked == [wanted]


@pytest.mark.parametrize("held_to", [{"choices": ("yes", "no")}, {"json_schema": "{}"}, {"regex": "[a-z]+"}])
def test_an_answer_cut_short_of_what_it_is_held_to_fails_its_row(held_to: Any) -> None:
    spec = GenerateSpec(max_tokens=2, **held_to)
    with pytest.raises(RowError, match=r"cut short at 2 tokens.*raise --max-tokens") as error:
        _run(spec, lambda *_: completion("ye", FinishReason.LENGTH), Row(id="1", text="x"))
    assert error.value.code is Code.CUT_SHORT


def test_a_free_answer_that_is_cut_short_is_a_result_that_says_so() -> None:
    (result,), _ = _run(
        GenerateSpec(), lambda *_: completion("so", FinishReason.LENGTH), Row(id="1", text="x")
    )
    assert result == {"text": "so", "finish_reason": "length"}


@pytest.mark.parametrize("messages", ["hello", [{"role": "user"}], [1]])
def test_messages_of_another_shape_are_the_rows_fault(messages: Any) -> None:
    with pytest.raises(RowError) as error:
        _run(
            GenerateSpec(), lambda *_: completion("ok"), Row(id="1", text="x", columns={"messages": messages})
        )
    assert error.value.code is Code.BAD_REQUEST


def test_an_embedding_asks_for_the_pool_and_layer_of_the_spec() -> None:
    asked: list[Request] = []

    def answer(_prompt: str, request: Request) -> Result:
        asked.append(request)
        return embedding(0.5, 1.0)

    (result,), _ = _run(EmbedSpec(pool="mean+last", layer=10), answer, Row(id="1", text="a"))
    assert result == {"embedding": [0.5, 1.0]}
    assert (asked[0].pool, asked[0].layer) == ("mean+last", 10)
