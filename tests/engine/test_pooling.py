"""Pooled hidden states are transformers' own."""

import json
import random
import shutil
from pathlib import Path

import pytest
import torch

from engine import Embedding, Engine, EngineConfig, Request, RequestError, Sampling
from engine.request import Pool
from tests.engine.conftest import MakeEngine, ModelFolder
from tests.engine.tiny import FAMILIES, Reference

PROMPT = [random.Random(2).randrange(2, 320) for _ in range(45)]


def pool(engine: Engine, kind: Pool = "mean+last", layer: int = -1) -> Embedding:
    embedding: Embedding = engine.submit(Request(prompt_token_ids=PROMPT, pool=kind, layer=layer)).result(60)
    return embedding


def expected(reference: Reference, layer: int = -1) -> list[float]:
    hidden = reference.hidden(PROMPT, layer)
    return [float(x) for x in torch.cat([hidden.mean(0), hidden[-1]])]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_layer_is_pooled_as_transformers_counts_it(
    family: str, make_engine: MakeEngine, references: dict[str, Reference]
) -> None:
    engine = make_engine(family)
    for layer in (-1, 3, 2, 0, -4):
        pooled = pool(engine, layer=layer).embedding
        assert pooled == pytest.approx(expected(references[family], layer), abs=1e-4), f"layer {layer}"


def test_pooling_is_the_same_in_chunks_and_after_preemption(
    make_engine: MakeEngine, reference: Reference
) -> None:
    engine = make_engine(num_blocks=24, max_batch_tokens=7)
    urgent = Request(prompt_token_ids=PROMPT, sampling=Sampling(max_tokens=50, ignore_eos=True), priority=-1)
    running = engine.submit(urgent)
    assert pool(engine).embedding == pytest.approx(expected(reference), abs=1e-4)
    running.result(60)


@pytest.mark.parametrize(("kind", "size"), [("default", 48), ("mean", 48), ("last", 48), ("mean+last", 96)])
def test_each_kind_of_pooling_has_its_place_in_the_vector(
    engine: Engine, reference: Reference, kind: Pool, size: int
) -> None:
    both = expected(reference)
    part = {"default": both[:48], "mean": both[:48], "last": both[48:], "mean+last": both}[kind]
    embedding = pool(engine, kind).embedding
    assert len(embedding) == size
    assert embedding == pytest.approx(part, abs=1e-4)


def test_cached_tokens_are_computed_again_to_be_pooled(engine: Engine, reference: Reference) -> None:
    engine.submit(Request(prompt_token_ids=PROMPT, sampling=Sampling(max_tokens=1))).result(60)
    embedding = pool(engine)
    assert embedding.usage.cached_tokens == 0
    assert embedding.embedding == pytest.approx(expected(reference), abs=1e-4)


def test_what_was_pooled_below_the_top_leaves_no_half_computed_prefix(
    engine: Engine, reference: Reference
) -> None:
    pool(engine, layer=1)
    request = Request(prompt_token_ids=PROMPT, sampling=Sampling(max_tokens=8, ignore_eos=True))
    assert list(engine.submit(request).result(60).token_ids) == reference.greedy(PROMPT, 8, eos=False)


def test_layers_pooled_together_do_not_mix(engine: Engine, reference: Reference) -> None:
    futures = [
        engine.submit(Request(prompt_token_ids=PROMPT, pool="mean+last", layer=layer)) for layer in (1, 2, -1)
    ]
    for future, layer in zip(futures, (1, 2, -1), strict=True):
        assert future.result(60).embedding == pytest.approx(expected(reference, layer), abs=1e-4)


@pytest.mark.parametrize("layer", [4, -5])
def test_a_layer_that_the_model_has_not_is_refused(engine: Engine, layer: int) -> None:
    with pytest.raises(RequestError, match=r"layers 0 to 3"):
        engine.submit(Request(prompt="a", pool="mean", layer=layer))


def test_the_default_vector_is_the_one_that_a_sentence_models_folder_says(
    model_folder: ModelFolder, tmp_path: Path, reference: Reference
) -> None:
    folder = Path(shutil.copytree(model_folder("llama"), tmp_path / "model"))
    modules = [{"type": f"sentence_transformers.models.{m}"} for m in ("Transformer", "Pooling", "Normalize")]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_lasttoken": true}')
    last = reference.hidden(PROMPT, -1)[-1]
    with Engine(EngineConfig(model=str(folder), device="cpu", kv_cache_bytes=1 << 20)) as engine:
        assert pool(engine, "default").embedding == pytest.approx((last / last.norm()).tolist(), abs=1e-4)
        assert pool(engine, "last").embedding == pytest.approx(last.tolist(), abs=1e-4)


def test_what_only_an_encoder_has_is_refused(engine: Engine) -> None:
    with pytest.raises(RequestError, match="use mean, last or mean\\+last"):
        engine.submit(Request(prompt="a", pool="cls"))
    with pytest.raises(RequestError, match="no labels of its own"):
        engine.submit(Request(prompt="a", labels=True))
