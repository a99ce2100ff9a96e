"""How much memory the KV cache may take."""

from pathlib import Path

import torch

CPU_SHARE = 0.25
CPU_MAX_BYTES = 2 << 30


def default_kv_cache_bytes() -> int:
    """A share of a CPU's memory that is free now, with the model loaded."""
    return min(int(free_cpu_bytes() * CPU_SHARE), CPU_MAX_BYTES)


def device_memory_bytes(device: torch.device) -> int | None:
    """All the memory of a CUDA device, whoever uses it; None for a CPU, where the system decides."""
    if device.type != "cuda":
        return None
    return int(torch.cuda.get_device_properties(device).total_memory)


def free_cpu_bytes(proc: Path = Path("/proc/meminfo"), cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """What the machine has available, or what the container's limit leaves, if that is less."""
    free = CPU_MAX_BYTES
    if proc.is_file():
        lines = dict(line.split(":", 1) for line in proc.read_text().splitlines())
        free = int(lines["MemAvailable"].split()[0]) * 1024
    limit, used = cgroup / "memory.max", cgroup / "memory.current"
    if limit.is_file() and used.is_file() and (text := limit.read_text().strip()) != "max":
        free = min(free, max(int(text) - int(used.read_text()), 0))
    return free
