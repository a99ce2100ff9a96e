"""Statistics and measurements to make tests of."""

from dataclasses import fields
from typing import Any

from engine import EngineStats
from ops.benchmark.gpu.results import Ceilings, DecodeSteps, Inside, Measured

CEILINGS = Ceilings(
    bytes_a_s=1e12,
    flops_a_s=1e14,
    each_bytes_a_s={"copy of 1 MiB": 1e12},
    each_flops_a_s={"product 1 x 1 x 1": 1e14},
    card={"name": "A Card", "memory_bytes": 80 << 30, "driver": "600.1, 700 W, 1980 MHz"},
)


def stats(**given: float) -> EngineStats:
    """All of it 0 but what is given."""
    values: dict[str, Any] = {field.name: 0 for field in fields(EngineStats)}
    return EngineStats(**values | given)


def inside(**given: Any) -> Inside:
    """Figures of a turn that took 10 steps."""
    values: dict[str, Any] = {
        "steps": 10,
        "step_ms": 2.0,
        "sequences_a_step": 4.0,
        "tokens_a_step": 5.0,
        "parts_ms": {"scheduling": 0.5},
        "memory_share": 0.25,
        "matrix_share": 0.125,
        "kv_waste": 0.0625,
        "prefix_hit_tokens": 0,
        "preemptions": 0,
        "out_of_memory_retries": 0,
    }
    return Inside(**values | given)


def decode_steps(**given: Any) -> DecodeSteps:
    """Steps of 6 ms that read 24 GB."""
    values: dict[str, Any] = {
        "steps": 100,
        "step_ms": 6.0,
        "bytes_a_step": 24e9,
        "bytes_a_s": 4e12,
        "memory_share": 0.8,
        "parts_ms": {"scheduling": 0.1},
    }
    return DecodeSteps(**values | given)


def measured(system: str, rate: float, **given: Any) -> Measured:
    """A turn of work a."""
    values: dict[str, Any] = {
        "work": "a",
        "model": "qwen3-0.6b",
        "round": 0,
        "requests": 256,
        "requests_whole": 256,
        "seconds": 2.0,
    }
    return Measured(system=system, rate=rate, **values | given)
