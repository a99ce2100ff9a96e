"""Engines on a GPU: a real one, or the fake one with kernels under Triton's interpreter."""

from collections.abc import Sequence as Seq
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from engine import Engine, EngineConfig, Request, Sampling
from engine.assembly import Parts, assemble
from engine.gpu.device import Device
from engine.models import resolve
from tests.engine.gpu.fake_device import FakeDevice
from tests.engine.gpu.reference import DEVICE

BLOCK_TOKENS = 4
TIMEOUT_S = 240


def gpu_parts(folder: Path, device: Device | None = None, **settings: Any) -> Parts:
    """In float32, with small blocks; few graphs, for the interpreter takes its time to capture them."""
    given: dict[str, Any] = {"block_tokens": BLOCK_TOKENS, "kv_cache_bytes": 1 << 20}
    given |= {"dtype": "float32", "max_sequences": 2} | settings
    config = EngineConfig(model=str(folder), device=DEVICE.type, **given)
    fake = FakeDevice() if DEVICE.type == "cpu" else None
    return assemble(config, resolve(str(folder)), device or fake)


def gpu_engine(folder: Path, **settings: Any) -> Engine:
    """An engine of such parts."""
    return Engine.of(gpu_parts(folder, **settings))


def cpu_engine(folder: Path, **settings: Any) -> Engine:
    """The same on a CPU, to compare with."""
    given: dict[str, Any] = {"block_tokens": BLOCK_TOKENS, "kv_cache_bytes": 1 << 20}
    return Engine(EngineConfig(model=str(folder), device="cpu", **given | settings))


def greedy(max_tokens: int) -> Sampling:
    """So many of the likeliest tokens."""
    return Sampling(max_tokens=max_tokens, ignore_eos=True)


def ask_all(engine: Engine, requests: Seq[Request]) -> list[Any]:
    """Their answers, when all are asked at once."""
    futures: list[Future[Any]] = [engine.submit(request) for request in requests]
    return [future.result(TIMEOUT_S) for future in futures]
