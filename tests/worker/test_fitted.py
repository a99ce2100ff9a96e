"""Rows labelled by a fitted head: its probabilities of the model's vector, and no prompt."""

import asyncio
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from engine import Engine, EngineConfig, Request
from jobs import layout
from jobs.heads import CARD_FILE, Head, store_head
from jobs.manifest import Manifest, Row
from jobs.outcome import Code, Outcome, RowError, Status
from jobs.shards import decode_part
from jobs.spec import EmbedSpec
from tests.engine.tiny import save_model
from tests.heads import head_of, spec_of
from tests.worker.fakes import FINGERPRINT, Bench, embedding, fake_model, make_job, rows
from worker.engine_messages import Result
from worker.heads import MAX_KEPT, Heads
from worker.kinds import make_kind
from worker.model import Model

HEAD = head_of(((1.0, 0.0), (0.0, 1.0)), bias=(0.0, 0.5))
asked: list[Request] = []


def answer(_prompt: str, request: Request) -> Result:
    """The vector (1, 0), of which HEAD makes logits 1 and 0.5."""
    asked.append(request)
    return embedding(1.0, 0.0)


def result_of(head: Head = HEAD, **more: Any) -> dict[str, Any]:
    model, _ = fake_model(answer)
    result, _ = asyncio.run(make_kind(spec_of(head, **more), model, head=head).run(Row(id="1"), "some text"))
    return result


def test_a_row_has_the_probabilities_of_the_heads_logits() -> None:
    billing = 1 / (1 + math.exp(-0.5))
    assert result_of() == {
        "label": "billing",
        "confidence": pytest.approx(billing, abs=1e-6),
        "scores": {"billing": pytest.approx(billing, abs=1e-6), "bug": pytest.approx(1 - billing, abs=1e-6)},
    }


def test_the_model_is_asked_for_the_heads_vector_of_the_text_alone() -> None:
    head = head_of(vectors=EmbedSpec(pool="mean+last", layer=3))
    asked.clear()
    result_of(head)
    (request,) = asked
    assert (request.pool, request.layer, list(request.prompt_token_ids or ())) == ("mean+last", 3, [0, 1])


def test_a_label_alone_has_no_scores() -> None:
    assert result_of(scores=False) == {"label": "billing"}


def test_a_row_that_is_less_sure_than_asked_has_candidates_instead_of_a_label() -> None:
    assert result_of(abstain_below=0.6)["label"] == "billing"
    unsure = result_of(abstain_below=0.7)
    assert unsure["label"] is None
    assert unsure["candidates"] == [
        {"label": "billing", "score": unsure["scores"]["billing"]},
        {"label": "bug", "score": unsure["scores"]["bug"]},
    ]
    assert unsure["confidence"] == unsure["scores"]["billing"]


def test_huge_weights_give_probabilities_all_the_same() -> None:
    result = result_of(head_of(((3e38, 0.0), (-3e38, 0.0))))
    assert (result["label"], result["confidence"]) == ("billing", 1.0)


def test_a_vector_of_another_size_is_refused_and_not_stretched() -> None:
    with pytest.raises(RowError, match="reads 3 numbers, and the model gave 2") as error:
        result_of(head_of(((1.0, 2.0, 3.0), (4.0, 5.0, 6.0))))
    assert error.value.code is Code.REFUSED


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder = save_model("llama", tmp_path_factory.mktemp("models") / "tiny-llama")
    with Engine(EngineConfig(model=str(folder), kv_cache_bytes=1 << 20)) as engine:
        yield engine


def test_a_row_has_the_same_scores_alone_and_among_hundreds_and_again(engine: Engine) -> None:
    random = np.random.default_rng(1)
    head = head_of((random.normal(size=(2, 48)) / 10).tolist(), vectors=EmbedSpec(pool="mean", layer=2))
    model = Model("tiny", FINGERPRINT, engine.max_model_len, engine.tokenizer, engine)
    texts = [f"ticket {n} about {'a parcel that is late ' * (n % 7)}" for n in range(300)]

    async def results_of(chosen: list[str]) -> list[dict[str, float]]:
        kind = make_kind(spec_of(head), model, head=head)
        results = await asyncio.gather(*(kind.run(Row(id="1"), text) for text in chosen))
        return [result["scores"] for result, _ in results]

    together = asyncio.run(results_of(texts))
    assert len({scores["bug"] for scores in together}) > 200, "texts differ, and so do their scores"
    for number in (0, 123, 299):
        for _ in range(2):
            (alone,) = asyncio.run(results_of([texts[number]]))
            assert alone == pytest.approx(together[number], abs=1e-3)


def _job(bench: Bench, head: Head = HEAD) -> Manifest:
    manifest = make_job(bench.store, [rows("a", "b", "c")], spec=spec_of(head))
    store_head(bench.store, manifest.job_id, head)
    return manifest


def _outcomes(bench: Bench, manifest: Manifest) -> list[Outcome]:
    body = bench.store.get(layout.part(manifest.job_id, 0))
    assert body is not None
    return decode_part(body, manifest.job_id, 0)


def test_a_shard_is_labelled_with_the_head_in_its_jobs_folder() -> None:
    bench = Bench()
    manifest = _job(bench)
    bench.runner(fake_model(answer)[0]).run(manifest.job_id, 0)
    labels = [outcome.result["label"] for outcome in _outcomes(bench, manifest) if outcome.result]
    assert labels == ["billing"] * 3


def test_a_head_that_was_exchanged_labels_nothing_and_every_row_says_why() -> None:
    bench = Bench()
    manifest = _job(bench)
    store_head(bench.store, manifest.job_id, head_of(bias=(9.0, 0.0)))
    runner = bench.runner(fake_model(answer)[0])
    for _ in range(3):
        runner.run(manifest.job_id, 0)
    outcomes = _outcomes(bench, manifest)
    assert [each.status for each in outcomes] == [Status.FAILED] * 3
    assert all("not the one that it was submitted with" in (each.message or "") for each in outcomes)


def test_a_head_is_read_once_for_all_shards_of_a_job() -> None:
    bench = Bench()
    manifest = _job(bench)
    heads = Heads(bench.store)
    first = heads.of(manifest)
    bench.store.delete([layout.head(manifest.job_id, CARD_FILE)])
    assert heads.of(manifest) is first


def test_a_worker_keeps_the_last_few_heads_and_reads_another_one_again() -> None:
    bench = Bench()
    heads = Heads(bench.store)
    first, *others = (head_of(bias=(float(n), 0.0)) for n in range(MAX_KEPT + 1))
    oldest = _job(bench, first)
    kept = heads.of(oldest)
    for head in others:
        heads.of(_job(bench, head))
    store_head(bench.store, oldest.job_id, first)
    again = heads.of(oldest)
    assert again == kept
    assert again is not kept


def test_a_job_without_a_head_has_none() -> None:
    bench = Bench()
    assert Heads(bench.store).of(make_job(bench.store, [rows("a")])) is None
