"""The engine's process may die: whoever waits hears of it within a second, and the next one is answered."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import Completion, EngineConfig, LabelScores, ModelError, Request, RequestTooLong, Sampling
from tests.engine.encoders.tiny import LABELS, save_classifier
from tests.engine.tiny import save_model
from tests.worker import stub_engine
from worker.engine_messages import Result
from worker.engine_process import EngineDied, EngineProcess

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineProcess]:
    model = save_model("llama", tmp_path_factory.mktemp("models") / "tiny")
    process = EngineProcess(EngineConfig(model=str(model), kv_cache_bytes=1 << 22))
    yield process
    process.close()


def _long() -> Request:
    return Request(prompt="the quick fox", sampling=Sampling(max_tokens=350, ignore_eos=True))


def _short() -> Request:
    return Request(prompt="the quick fox", sampling=Sampling(max_tokens=3, ignore_eos=True))


def _num_tokens(result: Result) -> int:
    assert isinstance(result, Completion)
    return len(result.token_ids)


def test_it_answers_as_the_engine_does_and_refuses_as_it_does(engine: EngineProcess) -> None:
    assert _num_tokens(engine.submit(_short()).result(timeout=60)) == 3
    with pytest.raises(RequestTooLong, match="384"):
        engine.submit(Request(prompt="a", sampling=Sampling(max_tokens=9999))).result(timeout=60)


def test_a_killed_engine_fails_its_requests_at_once_and_another_takes_over(
    engine: EngineProcess,
) -> None:
    futures = [engine.submit(_long()) for _ in range(20)]
    assert engine.pid is not None
    os.kill(engine.pid, signal.SIGKILL)
    died_s = time.monotonic()
    for future in futures[1:]:
        with pytest.raises(EngineDied):
            future.result(timeout=10)
    assert time.monotonic() - died_s < 1.0
    assert _num_tokens(engine.submit(_short()).result(timeout=60)) == 3


def test_an_encoder_is_served_as_what_it_is(tmp_path: Path) -> None:
    model = save_classifier("bert", tmp_path / "model")
    process = EngineProcess(EngineConfig(model=str(model)))
    try:
        assert (process.abilities.generates, process.abilities.labels) == (False, LABELS)
        assert process.max_model_len == 64
        scored = process.submit(Request(prompt="the quick fox", labels=True)).result(timeout=60)
        assert isinstance(scored, LabelScores)
        assert sum(scored.scores) == pytest.approx(1)
        with pytest.raises(RequestTooLong, match="64"):
            process.submit(Request(prompt="x " * 99, labels=True)).result(timeout=60)
    finally:
        process.close()


def test_a_model_that_cannot_be_loaded_is_told_by_name(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nowhere"):
        EngineProcess(EngineConfig(model=str(tmp_path / "nowhere")))


def test_whatever_keeps_an_engine_from_its_start_is_told_in_its_own_words() -> None:
    with pytest.raises(ModelError, match="CUDA out of memory"):
        EngineProcess(EngineConfig(), stub_engine.main_on_a_full_gpu)
