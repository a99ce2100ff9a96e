"""From what our engine tells of a turn to figures of its steps and shares of the ceilings. No I/O."""

from collections.abc import Mapping
from typing import Any

from ops.benchmark.gpu.arithmetic import bytes_read, flops, needs
from ops.benchmark.gpu.results import Ceilings, DecodeSteps, Inside
from ops.benchmark.gpu.shapes import Shape
from ops.benchmark.gpu.works import LABEL_ONLY
from ops.benchmark.peers.protocol import Answer, Turn


def inside(
    system: str, turn: Turn, answer: Answer, shape: Shape, number_bytes: int, ceilings: Ceilings | None
) -> Inside | None:
    """None where the turn took no step, or of a system that tells nothing."""
    if not answer.details or not (steps := answer.details["totals"]["steps"]):
        return None
    totals, needed = answer.details["totals"], needs(turn)
    moved = bytes_read(steps, needed.decode_kv_tokens, shape, number_bytes)
    return Inside(
        steps=steps,
        step_ms=answer.seconds / steps * 1000,
        sequences_a_step=totals["batch_sequences"] / steps,
        tokens_a_step=totals["batch_tokens"] / steps,
        parts_ms=_parts_ms(totals),
        memory_share=_share(moved / answer.seconds, _bandwidth(ceilings)),
        # What it leaves out depends on the scores.
        matrix_share=None
        if system == LABEL_ONLY
        else _share(flops(needed, shape) / answer.seconds, _matrix_rate(ceilings)),
        kv_waste=answer.details["kv_waste"],
        prefix_hit_tokens=totals["prefix_hit_tokens"],
        preemptions=totals["preemptions"],
        out_of_memory_retries=totals["out_of_memory_retries"],
        graph_share=_graph_share(totals),
        decode=_decode(turn, answer, shape, number_bytes, ceilings),
    )


def _decode(
    turn: Turn, answer: Answer, shape: Shape, number_bytes: int, ceilings: Ceilings | None
) -> DecodeSteps | None:
    if (window := answer.details["steady"]) is None:
        return None
    steps, seconds = window["totals"]["steps"], window["seconds"]
    context = sum(len(item.prompt) for item in turn.items) + window["output_tokens"]
    moved = bytes_read(1, context, shape, number_bytes)
    return DecodeSteps(
        steps=steps,
        step_ms=seconds / steps * 1000,
        bytes_a_step=moved,
        bytes_a_s=moved * steps / seconds,
        memory_share=_share(moved * steps / seconds, _bandwidth(ceilings)),
        parts_ms=_parts_ms(window["totals"]),
    )


def _parts_ms(totals: Mapping[str, Any]) -> dict[str, float]:
    """Every total of seconds that the engine keeps, a step."""
    return {
        name.removesuffix("_s").replace("_", " "): seconds / totals["steps"] * 1000
        for name, seconds in totals.items()
        if name.endswith("_s")
    }


def _graph_share(totals: Mapping[str, Any]) -> float | None:
    """Of the steps that could have replayed a graph; None on a CPU, which has none."""
    asked = totals["graph_hits"] + totals["graph_misses"]
    return totals["graph_hits"] / asked if asked else None


def _share(rate: float, ceiling: float | None) -> float | None:
    return None if ceiling is None else rate / ceiling


def _bandwidth(ceilings: Ceilings | None) -> float | None:
    return None if ceilings is None else ceilings.bytes_a_s


def _matrix_rate(ceilings: Ceilings | None) -> float | None:
    return None if ceilings is None else ceilings.flops_a_s
