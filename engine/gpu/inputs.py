"""A step's numbers on their way to the device: packed into pinned memory, one copy, views of it."""

from dataclasses import dataclass
from typing import Self

import torch

from engine.gpu.device import Device, Event
from engine.gpu.packing import AnyArray, offsets_of, pack
from engine.gpu.step_layout import StepArrays


@dataclass(frozen=True, slots=True)
class StepInputs:
    """`StepArrays` as tensors on the device, each of the same shape and dtype."""

    token_ids: torch.Tensor
    pending_rows: torch.Tensor
    positions: torch.Tensor
    slots: torch.Tensor
    lengths: torch.Tensor
    query_starts: torch.Tensor
    tiles: torch.Tensor
    copied_from: torch.Tensor
    copied_to: torch.Tensor
    tree_offsets: torch.Tensor
    tree_starts: torch.Tensor
    visible: torch.Tensor
    block_tables: torch.Tensor

    @classmethod
    def within(cls, arrays: StepArrays, memory: torch.Tensor) -> Self:
        """Views of device memory, uint8, that holds the arrays packed."""
        parts = arrays.parts()
        offsets, _ = offsets_of(parts.values())
        return cls(
            **{
                name: _view(memory, offset, array)
                for (name, array), offset in zip(parts.items(), offsets, strict=True)
            }
        )

    def known_token_ids(self, sampled_ids: torch.Tensor) -> torch.Tensor:
        """The token ids, the pending ones from among those that the step before sampled; [num_rows]."""
        sampled = sampled_ids.index_select(0, self.pending_rows.clamp(min=0))
        return torch.where(self.pending_rows >= 0, sampled, self.token_ids)


class Uploads:
    """Pinned memory for two steps in turn: one is filled while the other's copy may still be on its way."""

    def __init__(self, device: Device, num_bytes: int) -> None:
        self._device = device
        self._memories = [device.pinned(num_bytes) for _ in range(2)]
        self._copied: list[Event | None] = [None, None]
        self._turn = 0

    def send(self, arrays: StepArrays, target: torch.Tensor | None = None) -> StepInputs:
        """Queue the arrays' copy into `target`, uint8, or into new memory that lives as long as the views."""
        parts = arrays.parts().values()
        offsets, num_bytes = offsets_of(parts)
        source = self._next_memory(num_bytes)
        pack(parts, offsets, source.numpy())
        if target is None:
            target = torch.empty(num_bytes, dtype=torch.uint8, device=self._device.torch_device)
        self._device.upload(source[:num_bytes], target[:num_bytes])
        self._copied[self._turn] = self._device.event()
        return StepInputs.within(arrays, target)

    def _next_memory(self, num_bytes: int) -> torch.Tensor:
        self._turn = 1 - self._turn
        if (copied := self._copied[self._turn]) is not None:
            copied.wait()
        if len(self._memories[self._turn]) < num_bytes:
            # Half as much again, so that slowly growing steps do not allocate each time.
            self._memories[self._turn] = self._device.pinned(num_bytes * 3 // 2)
        return self._memories[self._turn]


def _view(memory: torch.Tensor, offset: int, array: AnyArray) -> torch.Tensor:
    dtype = torch.from_numpy(array[:0]).dtype
    return memory[offset : offset + array.nbytes].view(dtype).view(array.shape)
