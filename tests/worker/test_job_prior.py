"""A job's prior is learned once, and is the same for all its rows, workers and retries."""

import asyncio
import threading
from collections.abc import Sequence
from contextlib import suppress

import pytest

from engine import EngineError, Request, RequestTooLong
from jobs import layout
from jobs.calibration import Prior, PriorSource, read_prior, read_sample, write_sample
from jobs.manifest import Row
from jobs.spec import ClassifySpec, Label
from jobs.spec.classify import Calibration
from jobs.stores import MemoryStore
from tests.worker.fakes import fake_model, scores
from worker.engine_messages import Result
from worker.engine_process import EngineDied, EngineLostDevice
from worker.job_prior import JobPrior, JobPriors
from worker.kinds.classify import Classify

JOB = "20260101t000000-00000001"
SPEC = ClassifySpec(labels=(Label(name="billing"), Label(name="bug")))


def _prior(first: float) -> Prior:
    return Prior(source=PriorSource.ROWS, texts=1, logprobs=(first, 0.0))


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore()
    store.put(layout.manifest(JOB), b"{}")
    return store


async def _no_examples() -> None:
    """There are none to look at."""


def _get(prior: JobPrior, value: float) -> Prior:
    async def learn(_: Sequence[str]) -> Prior:
        return _prior(value)

    return asyncio.run(prior.get(_no_examples, learn, 2))


def test_the_first_to_learn_decides_for_all_workers(store: MemoryStore) -> None:
    assert _get(JobPriors(store).of(JOB), 1.0) == _get(JobPriors(store).of(JOB), 2.0) == _prior(1.0)


def test_of_two_workers_that_learn_at_once_the_second_adopts_the_firsts(store: MemoryStore) -> None:
    async def learn_slowly(_: Sequence[str]) -> Prior:
        await asyncio.to_thread(_get, JobPriors(store).of(JOB), 1.0)
        return _prior(2.0)

    assert asyncio.run(JobPriors(store).of(JOB).get(_no_examples, learn_slowly, 2)) == _prior(1.0)


def test_shards_that_start_side_by_side_learn_once(store: MemoryStore) -> None:
    priors, asked = JobPriors(store), list[Sequence[str]]()
    two_learn, have_met = threading.Barrier(2), threading.Barrier(4)

    async def learn(texts: Sequence[str]) -> Prior:
        asked.append(texts)
        with suppress(threading.BrokenBarrierError):  # as it is when nobody else comes to learn
            await asyncio.to_thread(two_learn.wait, 0.5)
        return _prior(1.0)

    def start() -> None:
        prior = priors.of(JOB)
        have_met.wait(30)
        asyncio.run(prior.get(_no_examples, learn, 2))

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(asked) == 1


def test_a_sample_that_the_engine_dies_of_twice_is_left_alone(store: MemoryStore) -> None:
    write_sample(store, JOB, ["poison"])
    priors = JobPriors(store)

    async def learn(texts: Sequence[str]) -> Prior:
        if texts:
            raise EngineDied("died")
        return _prior(3.0)

    for _ in range(2):
        with pytest.raises(EngineDied):
            asyncio.run(priors.of(JOB).get(_no_examples, learn, 2))
    assert asyncio.run(priors.of(JOB).get(_no_examples, learn, 2)) == _prior(3.0)


def test_a_sample_is_not_blamed_for_lost_devices(store: MemoryStore) -> None:
    write_sample(store, JOB, ["a sound row"])
    priors = JobPriors(store)
    asked: list[Sequence[str]] = []

    async def learn(texts: Sequence[str]) -> Prior:
        asked.append(texts)
        if len(asked) <= 3:
            raise EngineLostDevice("lost")
        return _prior(3.0)

    for _ in range(3):
        with pytest.raises(EngineLostDevice):
            asyncio.run(priors.of(JOB).get(_no_examples, learn, 2))
    assert asyncio.run(priors.of(JOB).get(_no_examples, learn, 2)) == _prior(3.0)
    assert list(asked[-1]) == ["a sound row"]


def test_what_breaks_while_it_is_learned_freezes_nothing(store: MemoryStore) -> None:
    async def broken(_: Sequence[str]) -> Prior:
        raise EngineError("the step failed")

    prior = JobPriors(store).of(JOB)
    with pytest.raises(EngineError):
        asyncio.run(prior.get(_no_examples, broken, 2))
    assert _get(prior, 1.0) == _prior(1.0)


def _answer(prompt: str, _: Request) -> "Result | Exception":
    if "endless" in prompt:
        return RequestTooLong("too long")
    return scores(-1.0, -5.0) if "ours" in prompt else scores(-3.0, -1.0)


def _classify(store: MemoryStore, calibration: Calibration, *texts: str) -> tuple[Prior, list[str]]:
    """The prior that is learned, and what the rows' own requests were beside."""
    model, engine = fake_model(_answer)
    spec = SPEC.model_copy(update={"calibration": calibration})
    kind = Classify(spec, model, JobPriors(store).of(JOB))

    async def run() -> list[str]:
        await kind.prepare()
        before = len(engine.prompts)
        for text in texts:
            await kind.run(Row(id="1", text=text), text)
        return engine.prompts[before:]

    asked = asyncio.run(run())
    frozen = read_prior(store, JOB, 2)
    assert frozen is not None
    return frozen, asked


def test_a_prior_is_the_mean_over_the_jobs_own_rows_and_four_texts_without_content(
    store: MemoryStore,
) -> None:
    write_sample(store, JOB, ["ours one", "ours two", "endless"])
    prior, _ = _classify(store, "learned")
    assert (prior.source, prior.texts) == (PriorSource.ROWS, 2)
    assert prior.logprobs == pytest.approx(((4 * -3 + 2 * -1) / 6, (4 * -1 + 2 * -5) / 6))


@pytest.mark.parametrize("calibration", ["learned", "in-domain", "content-free"])
def test_where_no_row_has_a_text_the_texts_without_content_do(
    store: MemoryStore, calibration: Calibration
) -> None:
    prior, _ = _classify(store, calibration)
    assert (prior.source, prior.texts) == (PriorSource.CONTENT_FREE, 0)
    assert prior.logprobs == pytest.approx((-3, -1))


def test_in_domain_texts_are_of_the_rows_words(store: MemoryStore) -> None:
    write_sample(store, JOB, ["ours ours", "ours ours"])
    prior, _ = _classify(store, "in-domain")
    assert prior.source is PriorSource.WORDS
    assert prior.logprobs[0] > -2


def test_without_calibration_no_label_is_favoured_and_nothing_is_asked(store: MemoryStore) -> None:
    prior, asked = _classify(store, "none", "a text")
    assert prior.logprobs == (0.0, 0.0)
    assert len(asked) == 1


def test_a_row_that_was_learned_from_is_not_asked_again(store: MemoryStore) -> None:
    write_sample(store, JOB, ["ours"])
    _, asked = _classify(store, "learned", "ours", "another")
    assert len(asked) == 1


@pytest.mark.parametrize(
    "damage",
    [
        b"\xff",
        b"junk",
        b"[" * 9999,
        b'{"text": null}',
        b'{"text": ["ours"]}',
        b'"ours',
        b'["text"]',
        b"{}",
        b'{"text": "ours"}\n{"te',
    ],
)
def test_a_damaged_sample_costs_the_job_no_row(
    store: MemoryStore, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    store.put(layout.calibration_sample(JOB), damage)
    prior, asked = _classify(store, "learned", "a text")
    assert prior.source is PriorSource.CONTENT_FREE
    assert len(asked) == 1
    assert "action=learn-without-sample" in caplog.text
    assert "ours" not in caplog.text, "a row's text is never logged"


def test_a_text_with_half_a_surrogate_is_in_the_sample_as_it_was_given(store: MemoryStore) -> None:
    write_sample(store, JOB, ["\ud800"])
    assert read_sample(store, JOB) == ("\ud800",)


@pytest.mark.parametrize("logprobs", ["0", "0, 0, 0", "1e400, 0", "NaN, 0", "null, 0", "0, 0] and more ["])
def test_a_damaged_prior_is_learned_again(
    store: MemoryStore, logprobs: str, caplog: pytest.LogCaptureFixture
) -> None:
    write_sample(store, JOB, ["ours one"])
    damaged = f'{{"source": "rows", "texts": 9, "logprobs": [{logprobs}]}}'
    store.put(layout.calibration_prior(JOB), damaged.encode())
    prior, asked = _classify(store, "learned", "a text")
    assert (prior.source, prior.texts) == (PriorSource.ROWS, 1)
    assert len(asked) == 1
    assert "action=learn-again" in caplog.text
