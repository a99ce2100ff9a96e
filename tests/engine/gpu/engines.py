"""Engines on a GPU: a real one, or the fake one with kernels under Triton's interpreter."""

from collections.abc import Sequence as Seq
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from engine import Engine, EngineConfig, Request, Sampling
from engine.assembly import assemble
from engine.gpu.device import Device
from engine.models import resolve
from tests.engine.gpu.fake_device import FakeDevice
from tests.engine.gpu.reference import DEVICE

BLOCK_TOKENS = 4
TIMEOUT_S = 240


def gpu_engine(folder: Path, device: Device | None = None, **settings: Any) -> Engine:
    """In float32, with small blocks; few graphs, for the interpreter takes its time to capture them."""
    given = {"max_sequences": 2, "block_tokens": BLOCK_TOKENS, "kv_cache_bytes": 1 << 20, "dtype": "float32"}
    config = EngineConfig(model=str(folder), device=DEVICE.type, **given | settings)  # type: ignore[arg-type]
    fake = FakeDevice() if DEVICE.type == "cpu" else None
    return Engine.of(assemble(config, resolve(str(folder)), device or fake))


def cpu_engine(folder: Path, **settings: Any) -> Engine:
    """The same on a CPU, to compare with."""
    given = {"block_tokens": BLOCK_TOKENS, "kv_cache_bytes": 1 << 20}
    return Engine(EngineConfig(model=str(folder), device="cpu", **given | settings))  # type: ignore[arg-type]


def greedy(max_tokens: int) -> Sampling:
    """So many of the likeliest tokens."""
    return Sampling(max_tokens=max_tokens, ignore_eos=True)


def ask_all(engine: Engine, requests: Seq[Request]) -> list[Any]:
    """Their answers, when all are asked at once."""
    futures: list[Future[Any]] = [engine.submit(request) for request in requests]
    return [future.result(TIMEOUT_S) for future in futures]
