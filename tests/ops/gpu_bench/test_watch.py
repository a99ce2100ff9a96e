"""What is read off an engine's statistics while it works, and what that comes to."""

from dataclasses import fields, replace
from itertools import count

import pytest

from engine import EngineStats
from ops.benchmark.gpu.inside import inside
from ops.benchmark.gpu.shapes import Shape
from ops.benchmark.gpu.watch import GAUGES, Sample, Watch, kv_waste, steady, totals
from ops.benchmark.gpu.works import LABEL_ONLY, OURS
from ops.benchmark.peers.protocol import Answer, Item, Turn
from tests.ops.gpu_bench.stats import CEILINGS, stats

# 183 weights and 8 numbers of KV a token, as tests/ops/gpu_bench/test_arithmetic.py works out.
SHAPE = Shape("small", "llama", 7, 3, 5, num_layers=2, num_heads=2, num_kv_heads=1, head_dim=2, options={})
TURN = Turn([Item([1, 2, 3], 2)])  # needs 4 tokens, 2 rows of logits, 10 attended to, 4 of them in decoding


def decoding(steps: int, **given: float) -> EngineStats:
    """While 8 sequences decode, a token each."""
    return stats(
        steps=steps,
        running=8,
        last_batch_tokens=8,
        last_batch_sequences=8,
        output_tokens=8 * steps,
        **given,
    )


def test_what_is_now_is_told_from_totals_by_the_names_that_the_engine_has() -> None:
    assert {field.name for field in fields(EngineStats)} >= GAUGES


def test_totals_are_what_every_count_of_the_engine_has_grown_by() -> None:
    first = stats(steps=3, step_s=1.0, running=7, blocks_free=9)
    found = totals(first, stats(steps=5, step_s=1.5, running=2, blocks_free=4))
    assert (found["steps"], found["step_s"]) == (2, 0.5)
    assert set(found) == {field.name for field in fields(EngineStats)} - GAUGES


def test_a_watch_looks_before_the_work_and_after_it_and_meanwhile() -> None:
    numbers = count()
    with Watch(lambda: stats(steps=next(numbers)), every_s=0.001) as watch:
        while len(watch.samples) < 3:
            pass
    steps = [sample.stats.steps for sample in watch.samples]
    assert steps == list(range(len(steps)))
    assert len(steps) >= 4


def test_kv_waste_is_the_mean_share_of_the_held_room() -> None:
    held = {"blocks_total": 10, "blocks_free": 4, "blocks_cached": 2, "running": 1}  # 4 blocks of 8 tokens
    samples = [Sample(0.0, stats(**held, kv_wasted_tokens=wasted)) for wasted in (8, 16)]
    assert kv_waste(samples, 8) == (0.25 + 0.5) / 2


def test_where_nothing_was_held_there_is_no_waste_to_tell() -> None:
    assert kv_waste([Sample(0.0, stats(blocks_total=10, blocks_free=10))], 8) is None


def test_steady_is_the_time_in_which_all_decode_and_nothing_else_happens() -> None:
    samples = [
        Sample(0.0, stats(output_tokens=100)),
        Sample(1.0, stats(steps=1, running=8, last_batch_tokens=500, last_batch_sequences=8)),
        Sample(2.0, decoding(20, scheduling_s=1.0)),
        Sample(3.0, decoding(30)),
        Sample(4.0, decoding(40, scheduling_s=1.5)),
        Sample(5.0, stats(steps=50, running=7, last_batch_tokens=7, last_batch_sequences=7)),
    ]
    window = steady(samples, 8)
    assert window is not None
    assert (window.seconds, window.totals["steps"], window.totals["scheduling_s"]) == (2.0, 20, 0.5)
    assert window.output_tokens == (8 * 20 + 8 * 40) / 2 - 100


def test_an_engine_that_has_done_its_work_is_not_steady() -> None:
    ended = replace(decoding(9), running=0)
    window = steady([Sample(0.0, decoding(1)), Sample(1.0, decoding(9)), Sample(9.0, ended)], 8)
    assert window is not None
    assert window.seconds == 1.0


def test_fewer_sequences_are_not_steady() -> None:
    assert steady([Sample(0.0, decoding(1)), Sample(1.0, decoding(9))], 9) is None


def test_one_glance_is_no_time() -> None:
    assert steady([Sample(0.0, decoding(1)), Sample(1.0, decoding(1))], 8) is None


def answer(**details: object) -> Answer:
    counts = totals(stats(), stats(steps=4, batch_tokens=40, batch_sequences=8, scheduling_s=0.5, step_s=1.0))
    return Answer(2.0, [2], details={"totals": counts, "kv_waste": 0.5, "steady": None} | details)


def test_shares_are_of_what_the_card_can_do() -> None:
    found = inside(OURS, TURN, answer(), SHAPE, 2, CEILINGS)
    assert found is not None
    assert (found.steps, found.step_ms, found.tokens_a_step, found.sequences_a_step) == (4, 500.0, 10.0, 2.0)
    assert found.memory_share == pytest.approx(2 * (4 * 183 + 4 * 8) / 2.0 / 1e12)
    assert found.matrix_share == pytest.approx((2 * (4 * 162 + 2 * 21) + 320) / 2.0 / 1e14)
    assert found.kv_waste == 0.5


def test_every_time_that_the_engine_keeps_is_told_a_step() -> None:
    found = inside(OURS, TURN, answer(), SHAPE, 2, CEILINGS)
    assert found is not None
    assert found.parts_ms["scheduling"] == 125.0
    assert len(found.parts_ms) == sum(field.name.endswith("_s") for field in fields(EngineStats))


def test_the_share_of_graphs_is_of_the_steps_on_a_gpu() -> None:
    counts = totals(stats(), stats(steps=4, graph_hits=3, graph_misses=1))
    on_gpu, on_cpu = (inside(OURS, TURN, each, SHAPE, 2, None) for each in (answer(totals=counts), answer()))
    assert on_gpu is not None
    assert on_cpu is not None
    assert (on_gpu.graph_share, on_cpu.graph_share) == (0.75, None)


def test_without_ceilings_there_are_no_shares() -> None:
    found = inside(OURS, TURN, answer(), SHAPE, 2, None)
    assert found is not None
    assert found.memory_share is found.matrix_share is None


def test_what_label_only_computes_is_not_guessed() -> None:
    found = inside(LABEL_ONLY, TURN, answer(), SHAPE, 2, CEILINGS)
    assert found is not None
    assert found.matrix_share is None


def test_a_decode_step_reads_the_weights_and_what_its_sequences_have_by_then() -> None:
    window = {"seconds": 0.5, "output_tokens": 2.0, "totals": totals(stats(), stats(steps=10, step_s=0.4))}
    found = inside(OURS, TURN, answer(steady=window), SHAPE, 2, CEILINGS)
    assert found is not None
    assert found.decode is not None
    assert found.decode.bytes_a_step == 2 * (183 + (3 + 2) * 8)
    assert found.decode.step_ms == 50.0
    assert found.decode.bytes_a_s == found.decode.bytes_a_step * 10 / 0.5
    assert found.decode.memory_share == found.decode.bytes_a_s / 1e12
    assert found.decode.parts_ms["step"] == pytest.approx(40.0)


def test_a_system_that_tells_nothing_of_its_steps_has_no_figures_of_them() -> None:
    assert inside("a peer", TURN, Answer(1.0, [2]), SHAPE, 2, CEILINGS) is None
