"""With a real engine: a row's label and scores don't depend on its neighbours, nor on a retry."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from engine import Engine, EngineConfig
from jobs import layout
from jobs.calibration import SAMPLE_ROWS, hand_on, read_prior, write_sample
from jobs.manifest import Row
from jobs.outcome import Outcome
from jobs.papers import read_manifest
from jobs.shards import decode_part
from jobs.spec import ClassifySpec, Example, Label
from tests.engine.tiny import save_model
from tests.worker.fakes import FINGERPRINT, Bench, make_job
from worker.model import Model

FIRST, SECOND, RETRY = (f"20260101t000000-0000000{n}" for n in (1, 2, 3))
SPEC = ClassifySpec(
    labels=tuple(Label(name=name) for name in ("billing", "bug", "account_access")),
    examples=(Example(text="no login", label="account_access"), Example(text="paid twice", label="billing")),
)
ROWS = [
    Row(id=f"r{n}", text=f"message {n} about {'a bug' if n % 2 else 'the bill'} {n * 7}") for n in range(300)
]
ALONE = ROWS[171]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder: Path = save_model("llama", tmp_path_factory.mktemp("llama"))
    with Engine(EngineConfig(model=str(folder), device="cpu", kv_cache_bytes=16 << 20)) as engine:
        yield engine


def _run(bench: Bench, engine: Engine, job_id: str, rows: Sequence[Row]) -> dict[str, dict[str, Any]]:
    """All rows as one shard, by a worker that has just started and an engine that has forgotten all."""
    manifest = make_job(bench.store, [rows], spec=SPEC, job_id=job_id)
    bench.ledger.open(manifest)
    engine.reset_prefix_cache()
    model = Model("tiny", FINGERPRINT, 512, engine.tokenizer, engine)
    bench.runner(model, worker_id=f"for-{job_id}").run(job_id, 0)
    outcomes: list[Outcome] = decode_part(bench.store.get(layout.part(job_id, 0)) or b"", job_id, 0)
    return {outcome.id: outcome.result or {} for outcome in outcomes}


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return bool(one["label"] == other["label"] and one["scores"] == pytest.approx(other["scores"], abs=1e-3))


def test_a_row_has_the_same_label_and_scores_among_many_alone_and_in_a_retry(engine: Engine) -> None:
    bench = Bench()
    write_sample(bench.store, FIRST, [row.text or "" for row in ROWS[:SAMPLE_ROWS]])
    in_company = _run(bench, engine, FIRST, ROWS)
    hand_on(bench.store, read_manifest(bench.store, FIRST), RETRY, same_model=True)
    in_a_retry = _run(bench, engine, RETRY, [ALONE])
    assert _same(in_a_retry[ALONE.id], in_company[ALONE.id])
    assert read_prior(bench.store, RETRY, 3) == read_prior(bench.store, FIRST, 3)

    by_itself = _run(bench, engine, SECOND, [ALONE])
    assert not _same(by_itself[ALONE.id], in_company[ALONE.id]), "another job's prior shows, so it counts"
