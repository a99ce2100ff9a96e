"""The fake GPU shows up what would go wrong on a real one."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from engine.gpu.kv_write import kv_write
from engine.gpu.paged_kv import PagedKV
from tests.engine.gpu.fake_device import FakeDevice
from tests.engine.gpu.reference import DEVICE

pytestmark = pytest.mark.skipif(DEVICE.type != "cpu", reason="needs no GPU: there is a real device to test")


@pytest.fixture
def device() -> FakeDevice:
    return FakeDevice()


def captured(device: FakeDevice, function: Callable[[], Any]) -> tuple[Callable[[], None], Any]:
    graph, result = device.capture(function)
    return graph.replay, result


def test_a_replay_reads_what_now_lies_in_its_tensors(device: FakeDevice) -> None:
    given = torch.ones(3)
    replay, doubled = captured(device, lambda: given.mul(2).add_(1))
    given.copy_(torch.tensor([1.0, 2.0, 3.0]))
    replay()
    assert doubled.tolist() == [3.0, 5.0, 7.0]


def test_a_replay_does_not_see_what_python_has_changed(device: FakeDevice) -> None:
    values: dict[str, Any] = {"factor": 2, "tensor": torch.ones(2)}
    replay, result = captured(device, lambda: values["tensor"] * values["factor"])
    values |= {"factor": 7, "tensor": torch.zeros(2)}
    replay()
    assert result.tolist() == [2.0, 2.0]


def test_results_are_garbage_before_a_replay_and_after_another_graphs(device: FakeDevice) -> None:
    given = torch.ones(2)
    replay, doubled = captured(device, lambda: given * 2)
    replay_other, _ = captured(device, lambda: given * 3)
    assert doubled.tolist() != [2.0, 2.0]
    replay()
    assert doubled.tolist() == [2.0, 2.0]
    replay_other()
    assert doubled.tolist() != [2.0, 2.0]


def test_kernels_are_captured_with_the_tensors_that_they_had(device: FakeDevice) -> None:
    cache = PagedKV(torch.zeros(2, 4, 1, 16), torch.zeros(2, 4, 1, 16))
    key, slots = torch.ones(1, 1, 16), torch.tensor([5])
    replay, _ = captured(device, lambda: kv_write(key, key, cache, slots))
    cache.keys.zero_()
    slots.fill_(2)
    replay()
    assert cache.keys.flatten(0, 1)[:, 0, 0].tolist() == [0, 0, 1, 0, 0, 0, 0, 0]


@pytest.mark.parametrize(
    "wait", [torch.Tensor.item, torch.Tensor.nonzero, lambda tensor: torch.tensor([1.0])]
)
def test_nothing_that_waits_for_the_device_can_be_captured(
    device: FakeDevice, wait: Callable[[torch.Tensor], torch.Tensor]
) -> None:
    with pytest.raises(AssertionError, match="waits for the device"):
        device.capture(lambda: wait(torch.ones(1)))


def test_what_comes_back_is_there_when_it_has_been_waited_for(device: FakeDevice) -> None:
    source, target = torch.ones(8, dtype=torch.uint8), device.pinned(8)
    device.download(source, target)
    event = device.event()
    source.zero_()  # by a later step
    assert target.tolist() != [1] * 8
    event.wait()
    assert target.tolist() == [1] * 8


def test_two_results_in_one_place_are_noticed(device: FakeDevice) -> None:
    target = device.pinned(8)
    device.download(torch.ones(8, dtype=torch.uint8), target)
    with pytest.raises(AssertionError, match="two copies to one place"):
        device.download(torch.ones(8, dtype=torch.uint8), target)


def test_pinned_memory_that_is_filled_too_early_is_noticed(device: FakeDevice) -> None:
    source = device.pinned(8)
    device.upload(source, torch.zeros(8, dtype=torch.uint8))
    event = device.event()
    source.zero_()
    with pytest.raises(AssertionError, match="changed while a copy was on its way"):
        event.wait()
