"""What the card itself can do: bytes a second of its memory, operations a second of its matrix units."""

import platform
import shutil
import subprocess
import time
from collections.abc import Callable
from importlib.util import find_spec
from statistics import median
from typing import Any

import torch

from ops.benchmark.peers.protocol import Answer, Run, Turn, serve

BUFFER_BYTES = 4 << 30  # far more than any cache holds
SMALL_BUFFER_BYTES = 32 << 20
# Rows, inner size, columns: a square, and products of the 8B's layers over a large step of prompts.
PRODUCTS = ((8192, 8192, 8192), (8192, 4096, 28_672), (16_384, 4096, 14_336), (16_384, 14_336, 4096))
SMALL_PRODUCTS = ((256, 256, 256), (512, 256, 512))
GROUPS = 5
CALLS = 8


def load(settings: dict[str, Any]) -> tuple[Run, dict[str, str]]:
    device = torch.device(settings["device"])
    small = settings["tiny"] or device.type == "cpu"

    def run(_: Turn) -> Answer:
        started = time.perf_counter()
        bandwidths = memory(device, SMALL_BUFFER_BYTES if small else BUFFER_BYTES)
        rates = {
            f"product {' x '.join(f'{n:,}' for n in shape)}": product(device, shape)
            for shape in (SMALL_PRODUCTS if small else PRODUCTS)
        }
        details = {
            "bytes_a_s": max(bandwidths.values()),
            "flops_a_s": max(rates.values()),
            "each_bytes_a_s": bandwidths,
            "each_flops_a_s": rates,
            "card": card(device),
        }
        return Answer(time.perf_counter() - started, [], details=details)

    return run, versions()


def memory(device: torch.device, buffer_bytes: int) -> dict[str, float]:
    """Bytes a second, read and written, of a copy, and read, of a sum."""
    source = torch.ones(buffer_bytes // 4, dtype=torch.float32, device=device)
    target = torch.empty_like(source)
    size = f"{buffer_bytes >> 20:,} MiB"
    return {
        f"copy of {size}": 2 * buffer_bytes / seconds(lambda: target.copy_(source), device),
        f"sum of {size}": buffer_bytes / seconds(source.sum, device),
    }


def product(device: torch.device, shape: tuple[int, int, int]) -> float:
    """Operations a second of a matrix product in the dtype that the engine has there.

    Of normal numbers: with zeros a GPU draws less power, and is faster than it ever is at work.
    """
    rows, inner, columns = shape
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    left = torch.randn(rows, inner, dtype=dtype, device=device)
    right = torch.randn(columns, inner, dtype=dtype, device=device).t()
    target = torch.empty(rows, columns, dtype=dtype, device=device)
    return 2 * rows * inner * columns / seconds(lambda: torch.mm(left, right, out=target), device)


def seconds(call: Callable[[], Any], device: torch.device) -> float:
    """Of one call, in the median of groups of several in a row, after one group to warm up."""
    times = []
    for _ in range(1 + GROUPS):
        _wait_for(device)
        started = time.perf_counter()
        for _ in range(CALLS):
            call()
        _wait_for(device)
        times.append((time.perf_counter() - started) / CALLS)
    return median(times[1:])


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def card(device: torch.device) -> dict[str, Any]:
    """Its name and memory, and what nvidia-smi says of driver and power."""
    if device.type != "cuda":
        return {"name": "no GPU, the CPU", "memory_bytes": None, "driver": None}
    properties = torch.cuda.get_device_properties(device)
    return {
        "name": properties.name,
        "memory_bytes": properties.total_memory,
        "multiprocessors": properties.multi_processor_count,
        "compute_capability": f"{properties.major}.{properties.minor}",
        "driver": driver(),
    }


def driver() -> str | None:
    """Its version and the power limits of the cards, as nvidia-smi tells them; None without."""
    if (tool := shutil.which("nvidia-smi")) is None:
        return None
    query = [tool, "--query-gpu=driver_version,power.limit,clocks.max.sm", "--format=csv,noheader"]
    done = subprocess.run(query, capture_output=True, text=True, timeout=60, check=False)
    return "; ".join(dict.fromkeys(done.stdout.strip().splitlines())) or None


def versions() -> dict[str, str]:
    """Of what computes."""
    found = {"Python": platform.python_version(), "torch": torch.__version__}
    if torch.version.cuda:
        found["CUDA"] = torch.version.cuda
    if find_spec("triton"):
        import triton

        found["triton"] = triton.__version__
    return found


if __name__ == "__main__":
    serve(load)
