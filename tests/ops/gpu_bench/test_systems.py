"""What each system is started with: its device, its dtype, and how much fits."""

from pathlib import Path

import pytest

from ops.benchmark.gpu.shapes import LLAMA, QWEN, REAL
from ops.benchmark.gpu.systems import MODULES, NAMES, NOTES, Case, Place, settings
from ops.benchmark.gpu.works import LABEL_ONLY, OURS, works
from ops.benchmark.results import BASELINE, REFERENCE

CASE = Case(works(tiny=False)["c"], REAL[QWEN], Path("folder"))
TURN = CASE.work.turn(0, CASE.shape)
CARD_BYTES = 80 << 30


def test_every_system_has_a_module_and_a_note() -> None:
    assert set(NAMES) == set(MODULES) == set(NOTES)


@pytest.mark.parametrize(
    ("device", "dtype"), [("cpu", "float32"), ("cuda", "bfloat16"), ("cuda:1", "bfloat16")]
)
@pytest.mark.parametrize("peer", [BASELINE, REFERENCE])
def test_a_peer_computes_on_the_engines_device_in_its_dtype(peer: str, device: str, dtype: str) -> None:
    given = settings(peer, CASE, TURN, Place(device, tiny=False), CARD_BYTES)
    assert (given["device"], given["dtype"]) == (device, dtype)


def test_on_a_gpu_the_engine_decides_for_itself_how_much_memory_it_takes() -> None:
    given = settings(OURS, CASE, TURN, Place("cuda:1", tiny=False), CARD_BYTES)
    assert given["engine"] == {"device": "cuda:1", "max_model_len": 4096}


def test_on_a_gpu_so_does_continuous_batching() -> None:
    assert "kv_tokens" not in settings(BASELINE, CASE, TURN, Place("cuda", tiny=False), CARD_BYTES)


def test_a_static_batch_has_as_many_rows_as_fit() -> None:
    # A row of 3,150 tokens takes 361 MB of KV; 42 GB are half of what the weights leave of 80 GiB.
    assert settings(REFERENCE, CASE, TURN, Place("cuda", False), CARD_BYTES)["batch_rows"] == 116
    assert settings(REFERENCE, CASE, TURN, Place("cpu", False), None)["batch_rows"] == 8


def test_only_the_work_that_is_about_decode_steps_has_them_looked_for() -> None:
    decode = Case(works(tiny=False)["decode"], REAL[LLAMA], Path("folder"))
    assert settings(OURS, decode, TURN, Place("cuda", False), None)["steady_sequences"] == 64
    assert settings(OURS, CASE, TURN, Place("cuda", False), None)["steady_sequences"] is None


def test_label_only_asks_for_the_best_label_and_the_engine_itself_for_all_scores() -> None:
    labels = [settings(name, CASE, TURN, Place("cpu", True), None)["labels"] for name in (OURS, LABEL_ONLY)]
    assert labels == ["all", "best"]
