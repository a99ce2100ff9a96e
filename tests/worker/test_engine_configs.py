"""What a worker's engine, and the small one for suspects beside it, are started with."""

from typing import Any

import pytest

from worker.bootstrap import engine_config, quarantine_config
from worker.settings import WorkerSettings

GIVEN: dict[str, Any] = {
    "device": "cuda:3",
    "quantization": "none",
    "kv_dtype": "fp8",
    "cuda_graphs": False,
    "kv_cache_bytes": 1 << 30,
    "gpu_memory_fraction": 0.5,
    "max_batch_tokens": 700,
    "max_sequences": 9,
    "max_model_len": 1000,
}


@pytest.mark.parametrize("name", GIVEN)
def test_each_setting_of_the_engine_reaches_it_from_the_environment(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"BYDAWN_{name.upper()}", str(GIVEN[name]))
    assert getattr(engine_config(WorkerSettings()), name) == GIVEN[name]


def test_the_engine_for_suspects_takes_what_the_first_one_has_left_of_a_gpu() -> None:
    first, second = (
        engine_config(WorkerSettings()),
        quarantine_config(WorkerSettings(), "cuda:0 bfloat16", 4096),
    )
    assert second.gpu_memory_fraction > first.gpu_memory_fraction
    assert second.max_sequences < first.max_sequences
    assert second.max_batch_tokens == 2048
    assert not second.cuda_graphs


def test_the_engine_for_suspects_takes_every_text_that_the_first_one_takes() -> None:
    settings = WorkerSettings(max_model_len=8000)
    assert quarantine_config(settings, "cuda:0 bfloat16", 4096).max_model_len == 4096


def test_on_a_cpu_steps_of_suspects_are_as_large_as_any() -> None:
    assert quarantine_config(WorkerSettings(), "cpu float32/fp16", 4096).max_batch_tokens is None
    assert quarantine_config(WorkerSettings(max_sequences=3), "cpu float32/fp16", 4096).max_sequences == 3
