"""An output that is held to something is never anything else, and ends only when that is complete."""

import json
import re
import sys
from concurrent.futures import Future
from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from engine import (
    Choice,
    Completion,
    Constraint,
    Engine,
    FinishReason,
    JsonSchema,
    Regex,
    Request,
    RequestError,
    Sampling,
)
from tests.engine.conftest import MakeEngine

CODE = Regex(r"[A-Z]{2}-[0-9]{3,5}")
EOS = frozenset({1})


class Ticket(BaseModel):
    """What the model is to write about a ticket."""

    model_config = ConfigDict(extra="forbid")

    team: Literal["billing", "access", "other"]
    urgency: int = Field(ge=1, le=5)
    words: list[str] = Field(max_length=2)
    note: str | None


Ticket.model_rebuild()
SCHEMA = Ticket.model_json_schema()
# Without bounds of its own a random model would write a word to the end of its context.
SCHEMA["properties"]["words"]["items"]["maxLength"] = 4
SCHEMA["properties"]["note"]["anyOf"][0]["maxLength"] = 4


def submit(
    engine: Engine, constraint: Constraint | None, priority: int = 0, **settings: Any
) -> "Future[Any]":
    sampling = Sampling(constraint=constraint, **{"max_tokens": 300} | settings)
    return engine.submit(Request(prompt="a ticket", sampling=sampling, priority=priority))


def generate(engine: Engine, constraint: Constraint | None, **settings: Any) -> Completion:
    completion: Completion = submit(engine, constraint, **settings).result(60)
    return completion


SETTINGS: list[dict[str, Any]] = [
    {},
    {"temperature": 2.0, "seed": 1},
    {"temperature": 3.0, "seed": 7, "top_k": 3},
    {"temperature": 1.0, "seed": 3, "top_p": 0.2, "min_p": 0.5},
    {"temperature": 1.0, "seed": 4, "repetition_penalty": 1.5, "frequency_penalty": 1.0, "logprobs": 3},
    {"ignore_eos": True},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_json_parses_and_is_valid_under_every_setting(engine: Engine, settings: dict[str, Any]) -> None:
    completion = generate(engine, JsonSchema(SCHEMA), **settings)
    assert completion.finish_reason is FinishReason.STOP
    assert Ticket.model_validate_json(completion.text)
    assert re.match(r'\{"team": "\w+", "urgency": \d, "words": \[', completion.text), (
        "no tokens of white space"
    )


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_a_pattern_is_matched_from_end_to_end(engine: Engine, settings: dict[str, Any]) -> None:
    completion = generate(engine, CODE, **settings)
    assert completion.finish_reason is FinishReason.STOP
    assert re.fullmatch(CODE.pattern, completion.text)


TEXTS = ("a", "a bug", 'say "no"\n\\', "Größe 🙂", "|()[]{}.*+?^$", "</s>")


def test_every_choice_can_come_and_nothing_else(engine: Engine) -> None:
    futures = [submit(engine, Choice(TEXTS), temperature=8.0, seed=seed) for seed in range(60)]
    answers = [future.result(60) for future in futures]
    assert {answer.text for answer in answers} == set(TEXTS)
    assert {answer.finish_reason for answer in answers} == {FinishReason.STOP}


SPELLING: list[tuple[Constraint, str]] = [
    (Choice(("<s>x",)), "<s>x"),
    (Choice(("</s>",)), "</s>"),
    (Regex("a/<s>b"), "a/<s>b"),
    (JsonSchema({"const": "<s>"}), '"<s>"'),
    (Choice(("\x7f",)), "\x7f"),
]


@pytest.mark.parametrize(("constraint", "text"), SPELLING, ids=str)
def test_a_text_that_spells_a_control_token_comes_as_text(
    engine: Engine, constraint: Constraint, text: str
) -> None:
    assert generate(engine, constraint).text == text


def test_a_schema_may_be_a_text_or_a_dict(engine: Engine) -> None:
    as_text, as_dict = JsonSchema(json.dumps(SCHEMA, indent=3)), JsonSchema(SCHEMA)
    assert generate(engine, as_text).token_ids == generate(engine, as_dict).token_ids


def test_draws_are_the_same_alone_among_neighbours_and_after_preemption(make_engine: MakeEngine) -> None:
    settings = {"temperature": 1.5, "seed": 9, "max_tokens": 100}
    alone = generate(make_engine(), JsonSchema(SCHEMA), **settings)
    engine = make_engine(num_blocks=60, max_batch_tokens=64)
    held = submit(engine, JsonSchema(SCHEMA), **settings, priority=1)
    # The least urgent is the first to be preempted.
    constraints = [CODE, None, Choice(TEXTS), Regex("[a-c ]{40}")] * 5
    company = [submit(engine, c, temperature=1.0, seed=n, max_tokens=60) for n, c in enumerate(constraints)]
    assert all(future.result(60) for future in company)
    assert held.result(60).token_ids == alone.token_ids
    assert engine.stats().preemptions > 0


def test_samples_have_a_grammar_each(engine: Engine) -> None:
    completions = submit(engine, CODE, temperature=2.0, seed=5, n=6).result(60)
    texts = [sample.text for sample in completions.samples]
    assert len(set(texts)) > 1
    assert all(re.fullmatch(CODE.pattern, text) for text in texts)


def test_the_end_token_is_allowed_exactly_where_the_grammar_accepts(engine: Engine) -> None:
    for seed in range(20):
        completion = generate(engine, Regex("(ab|c){2,}"), temperature=9.0, seed=seed, max_tokens=40)
        ended = completion.token_ids[-1] in EOS
        assert ended == (completion.finish_reason is FinishReason.STOP)
        assert not ended or re.fullmatch("(ab|c){2,}", completion.text)


def test_an_end_token_that_is_ignored_does_not_come(engine: Engine) -> None:
    completion = generate(engine, Regex("[a-c]+"), temperature=9.0, seed=1, max_tokens=60, ignore_eos=True)
    assert completion.finish_reason is FinishReason.LENGTH
    assert not EOS & set(completion.token_ids)


def test_a_stop_token_ends_a_grammar_only_where_it_accepts(engine: Engine) -> None:
    (x,) = engine.tokenizer.encode("x", add_special_tokens=False)
    for seed in range(10):
        completion = generate(
            engine, Regex("[a-c]{3,}"), temperature=9.0, seed=seed, stop_token_ids=(x,), ignore_eos=True
        )
        assert completion.finish_reason is FinishReason.STOP
        assert completion.token_ids[-1] == x
        assert re.fullmatch("[a-c]{3,}", completion.text)


def test_max_tokens_within_a_grammar_ends_with_length(engine: Engine) -> None:
    completion = generate(engine, JsonSchema(SCHEMA), max_tokens=3)
    assert (completion.finish_reason, len(completion.token_ids)) == (FinishReason.LENGTH, 3)


def test_a_stop_string_ends_a_grammar(engine: Engine) -> None:
    completion = generate(engine, Regex("abc-[0-9]{5}"), stop=("-",))
    assert (completion.finish_reason, completion.text) == (FinishReason.STOP, "abc")


def test_logprobs_are_those_of_the_free_model(engine: Engine) -> None:
    free = generate(engine, None, max_tokens=1, logprobs=20)
    held = generate(engine, CODE, max_tokens=1, logprobs=20)
    assert held.top_logprobs is not None
    assert free.top_logprobs is not None
    # The second has the prompt's KV from the first, and sums in another order.
    assert dict(held.top_logprobs[0]) == pytest.approx(dict(free.top_logprobs[0]), abs=1e-5)
    assert held.logprobs is not None
    assert free.logprobs is not None
    assert held.logprobs[0] < free.logprobs[0]


BAD: list[tuple[Constraint, str]] = [
    (Regex("(a"), "constraint=Regex('(a'): .*unclosed group"),
    (Regex("(?=a)b"), "look-around"),
    (Regex("()"), "nothing but the empty text"),
    (Choice(("\ud800",)), r"constraint=Choice\(.*surrogates not allowed"),
    (JsonSchema('{"type":'), "constraint=JsonSchema.*line 1 column 9"),
    (JsonSchema("true"), "a schema is a JSON object"),
    (JsonSchema({"type": "number of sorts"}), "Invalid type: number of sorts"),
    (JsonSchema({"enum": []}), "Unsatisfiable"),
    (JsonSchema({"allOf": [{"type": "string", "pattern": f"a.*{n}.*b"} for n in range(8)]}), "Unable"),
    (JsonSchema({"oneOf": [{"type": "string"}, {"type": "string", "maxLength": 9}]}), "coerce_one_of"),
    (JsonSchema({"$ref": "http://localhost/schema.json"}), "localhost"),
    (JsonSchema({"const": {1, 2}}), "not JSON serializable"),
    (JsonSchema({"minimum": float("nan")}), "not JSON compliant"),
    (Choice(tuple(map(str, range(10_001)))), "it has 10001 texts: use at most 10000"),
    (Regex("a" * 200_001), "it has 200001 characters: use at most 200000"),
    (JsonSchema({"const": "a" * 200_001}), "characters: use at most 200000"),
    (JsonSchema('{"items":' * 2000 + "{}" + "}" * 2000), "recursion"),
]


@pytest.mark.parametrize(("constraint", "reason"), BAD, ids=[reason for _, reason in BAD])
def test_a_bad_constraint_is_refused_with_the_reason_and_the_engine_serves_on(
    engine: Engine, constraint: Constraint, reason: str
) -> None:
    with pytest.raises(RequestError, match=reason.replace("Regex('(a')", r"Regex\('\(a'\)")):
        submit(engine, constraint)
    assert re.fullmatch(CODE.pattern, generate(engine, CODE).text)


def test_without_the_library_a_constraint_names_the_extra_and_all_else_runs(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "llguidance", None)
    with pytest.raises(RequestError, match=r"llguidance: in bydawn's folder, pip install"):
        submit(engine, CODE)
    assert generate(engine, None, max_tokens=2).token_ids
