"""Our own engine, in a process of its own like every other system."""

import time
from collections.abc import Callable
from concurrent.futures import Future
from importlib.metadata import version
from typing import Any

from engine import ChoiceScores, Engine, EngineConfig, Request, Sampling
from ops.benchmark.peers.protocol import Answer, Labelling, Run, Turn, serve
from ops.benchmark.peers.step_probe import StepProbe

Label = Callable[[Engine, list[list[int]], Labelling], list[int | None]]


def load(settings: dict[str, Any]) -> tuple[Run, dict[str, str]]:
    engine = Engine(EngineConfig(model=settings["folder"], **settings["engine"]))
    label = LABELLERS[settings["labels"]]
    probe = StepProbe()
    probe.watch(engine)

    def run(turn: Turn) -> Answer:
        started = time.perf_counter()
        if turn.labelling is None:
            token_ids, labels = _generate(engine, turn), []
        else:
            token_ids, labels = [], label(engine, [item.prompt for item in turn.items], turn.labelling)
        seconds = time.perf_counter() - started
        return Answer(seconds, [len(ids) for ids in token_ids], token_ids, labels, probe.take())

    return run, {"bydawn": version("bydawn"), "torch": version("torch")}


def _generate(engine: Engine, turn: Turn) -> list[list[int]]:
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


if __name__ == "__main__":
    serve(load)
