"""A sampling that cannot be, or contradicts itself, is refused with what was given and what is allowed."""

import re
from typing import Any

import pytest

from engine import Choice, Engine, JsonSchema, Regex, Request, RequestError, RequestTooLong, Sampling
from engine.sampling_checks import RULES, sampling_problems

NAN, INF = float("nan"), float("inf")
WRONG: dict[str, list[Any]] = {
    "max_tokens": [0, -1, True, 2.0, "9", None, NAN],
    "temperature": [-0.1, NAN, INF, True, "1", None],
    "top_k": [0, -1, True, 5.0, "5"],
    "top_p": [0, 1.5, -0.1, NAN, True, "0.5"],
    "min_p": [0, 0.0, 1.01, NAN, True, "0.1"],
    "repetition_penalty": [0, -1, NAN, INF, True, "1.1", None],
    "frequency_penalty": [NAN, INF, 101, True, "1", None],
    "seed": [1.0, True, "7", 2**64, 10**5000, NAN],
    "n": [0, 129, True, 2.0, "2", None],
    "stop": ["b", ("b", ""), (7,), 7, None],
    "stop_token_ids": [7, "7", (True,), (1.0,), ("7",), (10**5000,), None],
    "ignore_eos": [1, "yes", None],
    "logprobs": [-1, 21, True, 2.0, "2"],
    "constraint": [
        "yes|no",
        Choice(()),
        Choice(("a", "")),
        Choice("ab"),  # type: ignore[arg-type]
        Regex(""),
        Regex(7),  # type: ignore[arg-type]
        JsonSchema([]),  # type: ignore[arg-type]
    ],
}
CASES = [(name, value) for name, values in WRONG.items() for value in values]
IDS = [f"{name}-{index}" for name, values in WRONG.items() for index in range(len(values))]


@pytest.mark.parametrize(("name", "value"), CASES, ids=IDS)
def test_a_setting_of_the_wrong_type_or_size_is_named_with_what_is_allowed(name: str, value: Any) -> None:
    problem = next(sampling_problems(Sampling(**{"temperature": 1.0, name: value})))
    assert re.match(rf"{name}=.+: use ", problem)


def test_every_setting_is_checked() -> None:
    assert WRONG.keys() == set(Sampling.__dataclass_fields__)
    assert RULES.keys() < WRONG.keys()


GOOD: list[dict[str, Any]] = [
    {},
    {"temperature": 1, "top_p": 1, "min_p": 1.0, "top_k": 10**30, "n": 128, "logprobs": 20},
    {"seed": -1, "stop": ["a"], "stop_token_ids": [5], "repetition_penalty": 1.3, "ignore_eos": True},
    {"constraint": JsonSchema("{}"), "logprobs": 0},
]


@pytest.mark.parametrize("settings", GOOD)
def test_a_good_sampling_passes(settings: dict[str, Any]) -> None:
    assert list(sampling_problems(Sampling(**settings))) == []


@pytest.mark.parametrize("given", [{"n": 2}, {"top_k": 5}, {"top_p": 0.9}, {"min_p": 0.1}])
def test_draws_that_are_asked_for_without_a_temperature_are_refused(given: dict[str, Any]) -> None:
    ((name, value),) = given.items()
    (problem,) = sampling_problems(Sampling(**given))
    assert problem.startswith(f"{name}={value} with temperature=0: ")
    assert "use a temperature above 0" in problem


@pytest.mark.parametrize("token_id", [-1, 320])
def test_a_stop_token_outside_the_vocabulary_is_refused(engine: Engine, token_id: int) -> None:
    with pytest.raises(RequestError, match=rf"stop_token_ids has {token_id}: use 0 to 319"):
        engine.submit(Request(prompt="a", sampling=Sampling(stop_token_ids=(1, token_id))))


@pytest.mark.parametrize("max_tokens", [384, 10**12])
def test_more_tokens_than_the_engine_holds_are_refused_with_the_limit(
    engine: Engine, max_tokens: int
) -> None:
    with pytest.raises(RequestTooLong, match="max_model_len=384"):
        engine.submit(Request(prompt="a", sampling=Sampling(max_tokens=max_tokens)))


def test_the_engine_serves_on_after_bad_requests(engine: Engine) -> None:
    for name, value in CASES:
        with pytest.raises(RequestError, match=name):
            engine.submit(Request(prompt="a", sampling=Sampling(**{"temperature": 1.0, name: value})))
    assert engine.submit(Request(prompt="a", sampling=Sampling(max_tokens=2))).result(60).token_ids
