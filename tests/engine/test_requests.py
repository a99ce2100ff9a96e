"""Bad requests are refused at once with a reason, stopped ones give their blocks back."""

import re
from concurrent.futures import CancelledError
from typing import Any

import numpy as np
import pytest
import torch

from engine import (
    Choice,
    Engine,
    EngineClosed,
    FinishReason,
    Regex,
    Request,
    RequestError,
    RequestTooLong,
    Sampling,
)
from tests.engine.conftest import MakeEngine

ENDLESS = Request(prompt="a", sampling=Sampling(max_tokens=300, ignore_eos=True))

BAD = [
    (Request(), "exactly one of prompt"),
    (Request(prompt="a", prompt_token_ids=[1]), "exactly one of prompt"),
    (Request(prompt_token_ids=[]), "no tokens"),
    (Request(prompt_token_ids=[2, 320]), "has 320: use 0 to 319"),
    (Request(prompt_token_ids=[-1]), "has -1"),
    (Request(prompt="\ud800"), "UTF-8"),
    (Request(prompt="a", choices=["b"], pool="mean"), "at most one of choices, pool and labels"),
    (Request(prompt="a", pool="median"), "pool='median': use one of default, mean, last, mean+last, cls"),  # type: ignore[arg-type]
    (Request(prompt=7), "prompt is a int"),  # type: ignore[arg-type]
    (Request(prompt="a", sampling=Sampling(max_tokens=0)), "max_tokens=0"),
    (Request(prompt="a", sampling=Sampling(temperature=-0.1)), "temperature=-0.1"),
    (Request(prompt="a", sampling=Sampling(temperature=float("nan"))), "temperature=nan"),
    (Request(prompt="a", sampling=Sampling(top_k=0)), "top_k=0"),
    (Request(prompt="a", sampling=Sampling(top_p=1.5)), "top_p=1.5"),
    (Request(prompt="a", sampling=Sampling(repetition_penalty=0)), "repetition_penalty=0"),
    (Request(prompt="a", priority="high"), "priority='high': use a whole number"),  # type: ignore[arg-type]
    (Request(prompt="a", pool="mean", layer=1.5), "layer=1.5: use a whole number"),  # type: ignore[arg-type]
    (Request(prompt="a", pool="mean", layer="1"), "layer='1': use a whole number"),  # type: ignore[arg-type]
    (Request(prompt="a", pool="mean", layer=None), "layer=None: use a whole number"),  # type: ignore[arg-type]
    (Request(prompt="a", sampling=None), "sampling=None: use a Sampling"),  # type: ignore[arg-type]
    (
        Request(prompt="a", choices=["b"], sampling=Sampling(n=2, temperature=1.0)),
        "n=2 with choices, pool or labels",
    ),
    (Request(prompt="a", pool="mean", sampling=Sampling(constraint=Regex("b"))), "constraint=Regex("),
    (Request(prompt="a", sampling=Sampling(stop=("b", ""))), "texts that are not empty"),
    (Request(prompt="a", sampling=Sampling(stop="b")), "tuple of texts"),  # type: ignore[arg-type]
]


BAD_LISTS: list[tuple[str, Any, str]] = [
    (
        "prompt_token_ids",
        np.array([5, 6]),
        "prompt_token_ids is a ndarray, array([5, 6]): give a list of int",
    ),
    ("prompt_token_ids", torch.tensor([5, 6]), "prompt_token_ids is a Tensor, tensor([5, 6]): give a list"),
    ("prompt_token_ids", 5, "prompt_token_ids is a int, 5: give a list of int"),
    ("prompt_token_ids", b"ab", "prompt_token_ids is a bytes, b'ab': give a list of int"),
    ("prompt_token_ids", [5, True], "prompt_token_ids[1] is True: give a list of int"),
    ("prompt_token_ids", [10**6000], "prompt_token_ids has a int that cannot be written: use 0 to 319"),
    ("choices", iter("ab"), "iterator"),
    ("choices", 5, "choices is a int, 5: give a list of str"),
    ("choices", np.array(["a", "b"]), "choices is a ndarray, "),
    ("choices", ["a", None], "choices[1] is None: give a list of str"),
    ("sampling", Sampling(constraint=Choice((10**5000,))), "constraint=Choice(a tuple that cannot be"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("name", "value", "reason"), BAD_LISTS, ids=[reason for *_, reason in BAD_LISTS])
def test_what_is_no_list_of_the_right_things_is_refused_by_name(
    engine: Engine, name: str, value: Any, reason: str
) -> None:
    prompt: dict[str, Any] = {} if name == "prompt_token_ids" else {"prompt": "a"}
    with pytest.raises(RequestError, match=re.escape(reason)):
        engine.submit(Request(**prompt, **{name: value}))


def test_what_is_no_request_is_refused(engine: Engine) -> None:
    with pytest.raises(RequestError, match="None was submitted: give a Request"):
        engine.submit(None)  # type: ignore[arg-type]


@pytest.mark.parametrize(("request_", "reason"), BAD, ids=[reason for _, reason in BAD])
def test_a_bad_request_is_refused_with_the_reason(engine: Engine, request_: Request, reason: str) -> None:
    with pytest.raises(RequestError, match=re.escape(reason)):
        engine.submit(request_)
    assert engine.stats().waiting == 0


def test_an_over_long_request_is_refused_with_the_limit(engine: Engine) -> None:
    assert engine.max_model_len == 384
    fits = Request(prompt_token_ids=[2] * 374, sampling=Sampling(max_tokens=10))
    assert engine.submit(fits).result(60).usage.prompt_tokens == 374
    with pytest.raises(RequestTooLong, match="max_model_len=384"):
        engine.submit(Request(prompt_token_ids=[2] * 375, sampling=Sampling(max_tokens=10)))
    with pytest.raises(RequestTooLong, match="max_model_len=384"):
        engine.submit(Request(prompt_token_ids=[2] * 385, pool="mean"))


def test_the_longest_sequence_is_what_the_blocks_hold(make_engine: MakeEngine) -> None:
    engine = make_engine(num_blocks=10)
    assert engine.max_model_len == 40
    request = Request(prompt_token_ids=[2] * 30, sampling=Sampling(max_tokens=10, ignore_eos=True))
    assert engine.submit(request).result(60).finish_reason is FinishReason.LENGTH


def test_cancelled_requests_stop_whether_they_run_or_wait(make_engine: MakeEngine) -> None:
    engine = make_engine(max_sequences=1)
    running, waiting, patient = engine.submit(ENDLESS), engine.submit(ENDLESS), engine.submit(ENDLESS)
    assert engine.cancel(running)
    assert waiting.cancel()
    assert patient.result(60).usage.output_tokens == 300
    with pytest.raises(CancelledError):
        running.result(60)
    engine.check_integrity()
    assert (engine.stats().running, engine.stats().waiting) == (0, 0)


def test_a_request_that_has_ended_is_not_cancelled(engine: Engine) -> None:
    future = engine.submit(Request(prompt="a", pool="mean"))
    future.result(60)
    assert not engine.cancel(future)


def test_the_most_urgent_runs_first(make_engine: MakeEngine) -> None:
    engine = make_engine(max_sequences=1)
    order: list[str] = []
    first = engine.submit(ENDLESS)
    for name, priority in (("bulk", 2), ("standard", 1), ("urgent", 0)):
        future = engine.submit(Request(prompt=name, pool="mean", priority=priority))
        future.add_done_callback(lambda _, name=name: order.append(name))  # type: ignore[misc]
    first.result(60)
    engine.submit(Request(prompt="a", pool="mean", priority=9)).result(60)
    assert order == ["urgent", "standard", "bulk"]


def test_closing_leaves_nobody_waiting(make_engine: MakeEngine) -> None:
    engine = make_engine(max_sequences=1)
    with engine:
        futures = [engine.submit(ENDLESS) for _ in range(3)]
    for future in futures:
        with pytest.raises(EngineClosed):
            future.result(60)
    with pytest.raises(EngineClosed):
        engine.submit(ENDLESS)
