"""A device is named, found, or refused with what there is."""

from typing import Any

import pytest

from engine import EngineConfig, ModelError
from engine.devices import choose


@pytest.mark.parametrize("name", ["auto", "cpu", "cuda", "cuda:0", "cuda:7", "cuda:15"])
def test_a_device_is_named_alone_or_by_its_number(name: str) -> None:
    assert EngineConfig(device=name).device == name


@pytest.mark.parametrize(
    "name",
    [
        *("gpu", "mps", "CUDA:0", "cpu:0", "cuda:", "cuda:-1", "cuda:01", "cuda:0 ", "cuda:0\n", "cuda:٣"),
        *("cuda:0,1", "", 0, None),
    ],
)
def test_another_name_is_refused_with_what_is_allowed(name: Any) -> None:
    with pytest.raises(ValueError, match="use auto, cpu, cuda, or cuda:N") as raised:
        EngineConfig(device=name)
    assert repr(name) in str(raised.value)


@pytest.mark.parametrize(
    ("asked", "num_cuda_devices", "chosen"),
    [
        ("auto", 0, "cpu"),
        ("auto", 8, "cuda:0"),
        ("cpu", 8, "cpu"),
        ("cuda", 1, "cuda:0"),
        ("cuda", 8, "cuda:0"),
        ("cuda:7", 8, "cuda:7"),
    ],
)
def test_the_device_that_is_asked_for_is_had(asked: str, num_cuda_devices: int, chosen: str) -> None:
    assert choose(asked, num_cuda_devices) == chosen


@pytest.mark.parametrize(
    ("asked", "num_cuda_devices", "reason"),
    [
        ("cuda", 0, "torch sees no CUDA device; use 'cpu' or 'auto'"),
        ("cuda:0", 0, "torch sees no CUDA device; use 'cpu' or 'auto'"),
        ("cuda:1", 1, "torch sees one CUDA device; use 'cuda:0'"),
        ("cuda:7", 4, "torch sees 4 CUDA devices; use 'cuda:0' to 'cuda:3'"),
    ],
)
def test_a_device_that_is_not_there_is_refused_with_those_that_are(
    asked: str, num_cuda_devices: int, reason: str
) -> None:
    with pytest.raises(ModelError) as raised:
        choose(asked, num_cuda_devices)
    assert str(raised.value) == f"device={asked!r}: {reason}"


def test_a_torch_without_cuda_is_named_as_the_reason() -> None:
    with pytest.raises(ModelError, match=r"this torch \(2\.13\.0\+cpu\) is built without CUDA"):
        choose("cuda:0", 0, "2.13.0+cpu")
