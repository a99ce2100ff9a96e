"""n samples are n requests in one: they share the prompt, and live and end together."""

from concurrent.futures import CancelledError, Future

import pytest

from engine import Completions, Engine, EngineError, Request, Sampling, sample_seed
from engine.blocks import BlockPool
from engine.loop import StepLoop
from engine.scheduler import Scheduler
from tests.engine.conftest import MakeEngine
from tests.engine.fakes import FakeRunner, generation

PROMPT = "a ticket about billing, a bug in the account page, the quick brown fox"
SETTINGS = {"max_tokens": 12, "temperature": 1.5, "ignore_eos": True}


def samples_of(engine: Engine, n: int, seed: int = 3) -> Completions:
    completions: Completions = submit(engine, n, seed).result(60)
    return completions


def submit(engine: Engine, n: int, seed: int = 3) -> "Future[Completions]":
    return engine.submit(Request(prompt=PROMPT, sampling=Sampling(n=n, seed=seed, **SETTINGS)))  # type: ignore[arg-type]


def tokens(completions: Completions) -> list[tuple[int, ...]]:
    return [sample.token_ids for sample in completions.samples]


def test_samples_equal_single_requests_with_the_derived_seeds(engine: Engine) -> None:
    seeds = [sample_seed(3, index) for index in range(5)]
    requests = [Request(prompt=PROMPT, sampling=Sampling(seed=seed, **SETTINGS)) for seed in seeds]  # type: ignore[arg-type]
    singles = [engine.submit(request).result(60).token_ids for request in requests]
    assert tokens(samples_of(engine, 5)) == singles
    assert len(set(singles)) == 5
    assert seeds[0] == 3


def test_samples_are_the_same_alone_among_neighbours_and_after_preemption(make_engine: MakeEngine) -> None:
    alone = samples_of(make_engine(), 4)
    engine = make_engine(num_blocks=30, max_batch_tokens=20)
    company = [
        engine.submit(Request(prompt=f"{n} the lazy dog", sampling=Sampling(temperature=1.0, max_tokens=30)))
        for n in range(20)
    ]
    in_company = samples_of(engine, 4)
    assert all(future.result(60) for future in company)
    assert engine.stats().preemptions > 0
    assert tokens(in_company) == tokens(alone)


def test_the_prompt_is_computed_once_and_counted_once(engine: Engine) -> None:
    completions = samples_of(engine, 6)
    first, *others = [sample.usage for sample in completions.samples]
    assert first.cached_tokens == 0
    assert all(first.prompt_tokens - other.cached_tokens == 1 for other in others), "all but the last token"
    usage = completions.usage
    assert (usage.prompt_tokens, usage.cached_tokens) == (first.prompt_tokens, 0)
    assert usage.output_tokens == 6 * 12
    assert engine.stats().prompt_tokens == first.prompt_tokens
    assert engine.stats().output_tokens == 6 * 12


def test_cancelling_stops_all_samples(make_engine: MakeEngine) -> None:
    engine = make_engine(max_sequences=2)
    future = submit(engine, 8)
    assert engine.cancel(future)
    with pytest.raises(CancelledError):
        future.result(60)
    engine.check_integrity()
    assert (engine.stats().running, engine.stats().waiting) == (0, 0)
    assert len(samples_of(engine, 2).samples) == 2


class SpoiltTokens(frozenset[int]):
    """Stop tokens that cannot be looked into."""

    def __contains__(self, token_id: object) -> bool:
        raise RuntimeError("spoilt")


@pytest.mark.parametrize("spoilt", [0, 1, 2])
def test_one_that_fails_fails_all_and_nobody_else(spoilt: int) -> None:
    siblings, other = [generation(3, 4) for _ in range(3)], generation(3, 2)
    scheduler = Scheduler(BlockPool(16), block_tokens=4, max_batch_tokens=64, max_sequences=4)
    siblings[spoilt].work.stop_token_ids = SpoiltTokens()  # type: ignore[union-attr]
    loop = StepLoop(scheduler, FakeRunner(), lambda *sequences: [s.output_token_ids for s in sequences])
    failed, served = loop.submit(*siblings), loop.submit(other)
    with pytest.raises(EngineError, match="spoilt"):
        failed.result(10)
    assert served.result(10) == [[7, 7]]
    loop.call(scheduler.check_integrity)
    loop.call(scheduler.check_idle)
    loop.close()


def test_samples_end_each_at_its_own_time_and_answer_together() -> None:
    siblings = [generation(3, max_tokens) for max_tokens in (1, 5, 2)]
    scheduler = Scheduler(BlockPool(16), block_tokens=4, max_batch_tokens=64, max_sequences=4)
    loop = StepLoop(scheduler, FakeRunner(), lambda *sequences: [len(s.output_token_ids) for s in sequences])
    assert loop.submit(*siblings).result(10) == [1, 5, 2]
    loop.call(scheduler.check_idle)
    loop.close()
