"""How much of a GPU's memory is left for keys and values. Imports no torch."""

from dataclasses import dataclass

from engine.errors import ModelError


@dataclass(frozen=True, slots=True)
class DeviceMemory:
    """Bytes of a device."""

    total: int
    free: int  # of any process
    reserved: int  # by torch in this process, for tensors that are or were
    peak_allocated: int  # by these tensors at a time, since `Device.reset_peak`

    @property
    def others(self) -> int:
        """What neither is free nor torch's here: CUDA's context, libraries, other processes."""
        return self.total - self.free - self.reserved


def kv_budget_bytes(memory: DeviceMemory, fraction: float, least: int) -> int:
    """What a fraction of the device leaves for KV beside the largest step and what others use.

    `memory` is read after that step. What is beyond the fraction is for CUDA graphs, for memory that lies
    in pieces too small to be of use, and for other processes. Raises ModelError below `least` bytes.
    """
    allowed = int(fraction * memory.total)
    left = allowed - memory.peak_allocated - memory.others
    if left < least:
        raise ModelError(
            f"gpu_memory_fraction={fraction} allows {allowed} of the device's {memory.total} bytes: weights "
            f"and the largest step take {memory.peak_allocated}, others {memory.others}, and the "
            f"{max(left, 0)} that are left for KV are fewer than {least}; raise it, free the device, or set "
            "max_batch_tokens or max_sequences lower"
        )
    return left
