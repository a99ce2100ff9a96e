"""Weights reach a device whole, as they should be there, and leave the host on the way."""

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from engine import ModelError
from engine.loading import host_dtype
from engine.models import StoredWeight
from engine.onto_device import Progress, put_onto
from tests.engine.conftest import ModelFolder
from tests.engine.tiny import FAMILIES

CPU = torch.device("cpu")
MAPS = Path("/proc/self/maps")


def _load(folder: Path, dtype: torch.dtype) -> Any:
    return AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_that_is_moved_as_stored_equals_one_that_transformers_loads_so(
    family: str, model_folder: ModelFolder
) -> None:
    moved = _load(model_folder(family), torch.float32)
    put_onto(moved, CPU, torch.bfloat16)
    expected = _load(model_folder(family), torch.bfloat16)
    _assert_same(dict(moved.named_parameters()), dict(expected.named_parameters()))
    # Gemma's scale has more digits than there, and is rounded when it is used, here as there.
    buffers = {name: buffer.to(expected.get_buffer(name).dtype) for name, buffer in moved.named_buffers()}
    _assert_same(buffers, dict(expected.named_buffers()))
    assert any(buffer.dtype is torch.float32 for buffer in buffers.values()), "frequencies of positions"


def _assert_same(tensors: Mapping[str, torch.Tensor], expected: Mapping[str, torch.Tensor]) -> None:
    assert set(tensors) == set(expected)
    for name, tensor in tensors.items():
        assert tensor.dtype == expected[name].dtype, name
        assert torch.equal(tensor, expected[name]), name


@pytest.mark.parametrize("family", ["granite", "llama"])
def test_every_weight_is_told_of_once_and_those_that_are_tied_stay_so(
    family: str, model_folder: ModelFolder
) -> None:
    model = _load(model_folder(family), torch.float32)
    total_bytes = sum(weight.nbytes for weight in model.parameters())
    told: list[int] = []
    put_onto(model, CPU, torch.bfloat16, told.append)
    assert sum(told) == total_bytes
    is_tied = model.get_input_embeddings().weight is model.get_output_embeddings().weight
    assert is_tied == model.config.tie_word_embeddings == (family == "granite")


@pytest.mark.skipif(not MAPS.exists(), reason="there is no /proc here to look into")
def test_each_file_leaves_the_hosts_memory_when_its_weights_are_on_the_device(
    model_folder: ModelFolder, tmp_path: Path
) -> None:
    _load(model_folder("llama"), torch.float32).save_pretrained(tmp_path, max_shard_size="100KB")
    num_files = len(list(tmp_path.glob("*.safetensors")))
    assert num_files > 3
    model = _load(tmp_path, torch.float32)
    mapped = [_num_mapped(tmp_path)]
    put_onto(model, CPU, torch.bfloat16, lambda _: mapped.append(_num_mapped(tmp_path)))
    assert mapped[0] == num_files, "as stored, weights are views of the files"
    assert mapped == sorted(mapped, reverse=True)
    assert set(mapped) == set(range(num_files + 1)), "one after the other"


def _num_mapped(folder: Path) -> int:
    lines = MAPS.read_text().splitlines()
    return len({line.split()[-1] for line in lines if str(folder) in line})


@pytest.mark.parametrize(
    ("stored", "device", "on_host"),
    [
        ({"F16"}, "cuda:0", torch.float16),
        ({"F32"}, "cuda:0", torch.float32),
        ({"F32", "BF16"}, "cuda:0", torch.bfloat16),
        ({"F16"}, "cpu", torch.bfloat16),
    ],
)
def test_the_host_casts_nothing_that_goes_to_a_device(
    stored: set[str], device: str, on_host: torch.dtype
) -> None:
    weights = {dtype: StoredWeight(dtype, 1) for dtype in stored}
    assert host_dtype(weights, torch.bfloat16, torch.device(device)) is on_host


class _FullDevice(torch.nn.Linear):
    """Its weights find no room wherever they are put."""

    def parameters(self, recurse: bool = True) -> Iterator[Any]:
        yield _Homeless()


class _Homeless:
    device, dtype, nbytes = CPU, torch.float32, 4

    @property
    def data(self) -> "_Homeless":
        return self

    def to(self, *_: Any) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 4 bytes")


def test_a_device_that_others_have_filled_is_told_as_such() -> None:
    with pytest.raises(ModelError, match=r"memory that is free on cuda:0: CUDA out of memory.*end what else"):
        put_onto(_FullDevice(1, 1), torch.device("cuda:0"), torch.float32)


def test_a_log_gets_a_line_every_few_seconds_and_no_bar(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO)
    now_s = [0.0]
    progress = Progress(8 << 30, "cuda:0", clock=lambda: now_s[0])
    for second in range(1, 9):
        now_s[0] = float(second)
        progress.add(1 << 30)
    progress.close()
    assert caplog.messages == ["5.0 GiB of 8.0 GiB of weights are on cuda:0"]
    assert capfd.readouterr().err == ""
