"""Asks an engine for what a turn wants: tokens, or a label of each prompt."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from engine import ChoiceScores, Engine, Request, Sampling
from ops.benchmark.peers.protocol import Labelling, Turn

Label = Callable[[Engine, list[list[int]], Labelling], list[int | None]]


def generate(engine: Engine, turn: Turn) -> list[list[int]]:
    """Greedy tokens of each item, end tokens or not."""
    futures: list[Future[Any]] = [
        engine.submit(
            Request(
                prompt_token_ids=item.prompt,
                sampling=Sampling(max_tokens=item.max_tokens, ignore_eos=True),
            )
        )
        for item in turn.items
    ]
    return [list(future.result().token_ids) for future in futures]


def score_all(engine: Engine, prompts: list[list[int]], labelling: Labelling) -> list[int | None]:
    """Every label's log-probability less the prior, as `worker/kinds/classify.py` has it."""
    prior = _prior(engine, labelling)
    rows = _score(engine, prompts, labelling)
    return [_best(score.choice_logprobs, prior) for score in rows]


def _prior(engine: Engine, labelling: Labelling) -> list[float]:
    """What each label gets after texts without content."""
    blank = _score(engine, labelling.blank_prompts, labelling)
    return [sum(column) / len(blank) for column in zip(*(s.choice_logprobs for s in blank), strict=True)]


def _score(engine: Engine, prompts: list[list[int]], labelling: Labelling) -> list[ChoiceScores]:
    futures = [
        engine.submit(Request(prompt_token_ids=prompt, choices=labelling.choices)) for prompt in prompts
    ]
    return [future.result() for future in futures]


def best_only(engine: Engine, prompts: list[list[int]], labelling: Labelling) -> list[int | None]:
    """Only which label is best, as `classify --label-only` has it."""
    prior = _prior(engine, labelling)
    bias = [-before for before in prior]
    futures = [
        engine.submit(
            Request(prompt_token_ids=prompt, choices=labelling.choices, best_only=True, choice_bias=bias)
        )
        for prompt in prompts
    ]
    return [future.result().index for future in futures]


def _best(logprobs: tuple[float, ...], prior: list[float]) -> int:
    margins = [logprob - before for logprob, before in zip(logprobs, prior, strict=True)]
    return max(range(len(margins)), key=margins.__getitem__)


LABELLERS: dict[str, Label] = {"all": score_all, "best": best_only}
