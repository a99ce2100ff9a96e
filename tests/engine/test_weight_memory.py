"""Weights that no device of the kind could hold are refused before a byte of them is read."""

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from engine import ModelError
from engine.loading import refuse_stored
from engine.models import ResolvedModel, StoredWeight, stored_weights
from engine.weight_memory import problems
from tests.engine.conftest import ModelFolder

H100_BYTES = 79 << 30


@pytest.mark.parametrize(
    ("num_values", "value_bytes", "device_bytes"),
    [
        (8_030_261_248, 2, H100_BYTES),  # Llama-3.1-8B
        (H100_BYTES // 2, 2, H100_BYTES),
        (70_553_706_496, 2, 141 << 30),  # Llama-3.1-70B on an H200
        (70_553_706_496, 4, None),
    ],
)
def test_weights_that_fit_are_let_through(
    num_values: int, value_bytes: int, device_bytes: int | None
) -> None:
    assert not list(problems(num_values, value_bytes, "cuda:0", device_bytes))


@pytest.mark.parametrize(
    ("num_values", "value_bytes", "words"),
    [
        (70_553_706_496, 2, "needs 131.4 GiB for its weights, and cuda:3 has 79.0 GiB: use a smaller model"),
        (70_553_706_496, 4, "needs 262.8 GiB"),
        (H100_BYTES // 2 + 1, 2, "needs 79.0 GiB"),
    ],
)
def test_weights_that_cannot_fit_are_refused_with_both_sizes(
    num_values: int, value_bytes: int, words: str
) -> None:
    (problem,) = problems(num_values, value_bytes, "cuda:3", H100_BYTES)
    assert words in problem
    assert "not split over several devices" in problem


@pytest.mark.parametrize("family", ["llama", "mixtral", "gemma2"])
def test_a_files_header_tells_how_many_values_a_model_has(family: str, model_folder: ModelFolder) -> None:
    folder = model_folder(family)
    model = AutoModelForCausalLM.from_pretrained(folder)
    assert sum(weight.num_values for weight in stored_weights(folder).values()) == model.num_parameters()


def test_the_dtype_that_is_computed_with_counts_and_not_the_stored_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("engine.loading.device_memory_bytes", lambda _: 3000)
    stored = {"weight": StoredWeight("F32", 1000)}
    resolved = ResolvedModel("org/large", Path("/nowhere"))
    refuse_stored(resolved, stored, torch.bfloat16, torch.device("cuda:0"))
    with pytest.raises(ModelError, match=r"'org/large' needs 0\.0 GiB for its weights, and cuda:0 has"):
        refuse_stored(resolved, stored, torch.float32, torch.device("cuda:0"))
