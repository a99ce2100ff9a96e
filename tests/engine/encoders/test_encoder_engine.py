"""The encoder's engine has the face of the other one, and loses no request whatever its neighbours do."""

import math
from collections.abc import Sequence as Seq
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import torch

from engine import (
    Embedding,
    EncoderEngine,
    EngineClosed,
    EngineError,
    LabelScores,
    OutOfMemory,
    Request,
    RequestError,
    RequestTooLong,
    Sampling,
)
from engine.protocols import Launched
from engine.sequence import Chunk
from tests.engine.encoders.conftest import MEAN, Folder, OpenEngine, Shared
from tests.engine.encoders.tiny import LABELS, Reference, save_classifier, save_sentence_encoder

TEXT = "a ticket about billing"
POISON = 13


@pytest.fixture
def engine(classifier: Folder, shared_engine: Shared) -> EncoderEngine:
    return shared_engine(classifier("bert"))


def scored(engine: EncoderEngine, text: str = TEXT) -> LabelScores:
    answer: LabelScores = engine.submit(Request(prompt=text, labels=True)).result(60)
    return answer


def test_labels_are_those_of_the_models_config_and_their_scores_sum_to_1(engine: EncoderEngine) -> None:
    assert engine.abilities.labels == LABELS
    assert not engine.abilities.generates
    assert not engine.abilities.multi_label
    assert math.fsum(scored(engine).scores) == pytest.approx(1)


@pytest.mark.parametrize(
    ("labels", "problem_type"), [(LABELS, "multi_label_classification"), (("toxic",), None)]
)
def test_labels_that_may_hold_together_or_not_at_all_are_scored_each_by_itself(
    labels: tuple[str, ...], problem_type: str | None, tmp_path: Path, open_encoder: OpenEngine
) -> None:
    folder = save_classifier("bert", tmp_path / "model", labels, problem_type=problem_type)
    engine = open_encoder(folder)
    assert engine.abilities.labels == labels
    assert engine.abilities.multi_label
    logits = Reference(folder).logits(engine.tokenizer.encode(TEXT))
    assert scored(engine).scores == pytest.approx(torch.tensor(logits).sigmoid().tolist(), abs=1e-4)


def test_a_text_gives_the_same_alone_and_among_many(engine: EncoderEngine) -> None:
    texts = [" ".join(["a bug"] * (1 + n % 9)) for n in range(60)]
    futures = [engine.submit(Request(prompt=text, labels=True)) for text in texts]
    together = [future.result(60).scores for future in futures]
    for text, scores in list(zip(texts, together, strict=True))[::7]:
        assert scored(engine, text).scores == pytest.approx(scores, abs=1e-5)


def test_a_default_vector_is_the_one_that_the_folder_says(
    sentence_encoder: Folder, shared_engine: Shared
) -> None:
    engine, reference = shared_engine(sentence_encoder("roberta")), Reference(sentence_encoder("roberta"))
    hidden = reference.hidden(engine.tokenizer.encode(TEXT)).mean(0)
    given: Embedding = engine.submit(Request(prompt=TEXT, pool="default")).result(60)
    assert given.embedding == pytest.approx((hidden / hidden.norm()).tolist(), abs=1e-5)
    raw: Embedding = engine.submit(Request(prompt=TEXT, pool="mean")).result(60)
    assert raw.embedding == pytest.approx(hidden.tolist(), abs=1e-5)


def test_a_folder_may_ask_for_its_first_token_as_it_is(tmp_path: Path, open_encoder: OpenEngine) -> None:
    pooling = MEAN | {"pooling_mode_mean_tokens": False, "pooling_mode_cls_token": True}
    folder = save_sentence_encoder("bert", tmp_path / "model", pooling, normalize=False)
    engine = open_encoder(folder)
    hidden = Reference(folder).hidden(engine.tokenizer.encode(TEXT))[0]
    given: Embedding = engine.submit(Request(prompt=TEXT, pool="default")).result(60)
    assert given.embedding == pytest.approx(hidden.tolist(), abs=1e-5)


def test_the_default_vector_of_a_plain_base_model_is_the_mean(
    tmp_path: Path, open_encoder: OpenEngine
) -> None:
    folder = save_sentence_encoder("distilbert", tmp_path / "model")
    engine = open_encoder(folder)
    hidden = Reference(folder).hidden(engine.tokenizer.encode(TEXT)).mean(0)
    given: Embedding = engine.submit(Request(prompt=TEXT, pool="default")).result(60)
    assert given.embedding == pytest.approx(hidden.tolist(), abs=1e-5)


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"sampling": Sampling(max_tokens=3)}, "generates and continues nothing: give labels=True, or pool"),
        ({"choices": ["a", "b"]}, "generates and continues nothing"),
        ({"pool": "mean", "layer": 4}, "layers 0 to 3, or -1"),
        ({"pool": "max"}, "pool='max': use one of default, mean, last, mean\\+last, cls"),
        ({"pool": "mean", "labels": True}, "at most one of choices, pool and labels"),
        ({"labels": "all"}, "labels='all': use True or False"),
        ({"labels": True, "sampling": Sampling(temperature=1.0, n=2)}, "n=2 with choices, pool or labels"),
    ],
)
def test_what_an_encoder_cannot_do_is_refused(
    asked: dict[str, Any], reason: str, engine: EncoderEngine
) -> None:
    with pytest.raises(RequestError, match=reason):
        engine.submit(Request(prompt=TEXT, **asked))


def test_labels_are_refused_by_a_model_that_has_none(sentence_encoder: Folder, shared_engine: Shared) -> None:
    with pytest.raises(RequestError, match="no labels of its own"):
        shared_engine(sentence_encoder("roberta")).submit(Request(prompt=TEXT, labels=True))


def test_a_text_is_read_to_its_end_or_refused_and_never_cut(engine: EncoderEngine) -> None:
    assert engine.max_model_len == 64
    assert scored(engine, "x " * 30).usage.prompt_tokens == 62, "though its tokenizer.json says to cut at 8"
    with pytest.raises(RequestTooLong, match=r"the prompt's 66 tokens exceed max_model_len=64 tokens: short"):
        engine.submit(Request(prompt="x " * 32, labels=True))


def test_the_tokens_that_a_model_was_tuned_for_are_its_limit_until_another_is_set(
    sentence_encoder: Folder, tmp_path: Path, open_encoder: OpenEngine
) -> None:
    folder = save_sentence_encoder("roberta", tmp_path / "model", MEAN)
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 20, "do_lower_case": false}')
    engine = open_encoder(folder)
    assert engine.max_model_len == 20
    with pytest.raises(RequestTooLong, match="or set max_model_len, which goes to 62 here"):
        engine.submit(Request(prompt="x " * 30, pool="default"))
    assert open_encoder(folder, max_model_len=62).max_model_len == 62


def test_a_prompt_with_no_tokens_or_strange_ones_is_refused(engine: EncoderEngine) -> None:
    with pytest.raises(RequestError, match="no tokens"):
        engine.submit(Request(prompt_token_ids=[], labels=True))
    with pytest.raises(RequestError, match="use 0 to 319"):
        engine.submit(Request(prompt_token_ids=[320], labels=True))


class Gate:
    """Stands before an engine's runner: holds each batch until it is opened, and looks at it."""

    runs_ahead = False

    def __init__(self, engine: EncoderEngine) -> None:
        self.open, self.entered = Event(), Event()
        self.batches: list[list[int]] = []
        self._runner = engine._loop._runner
        engine._loop._runner = self

    def launch(self, chunks: Seq[Chunk]) -> Launched:
        self.entered.set()
        assert self.open.wait(30)
        self.batches.append([chunk.num_tokens for chunk in chunks])
        if any(chunk.sequence.token_ids[0] == POISON for chunk in chunks):
            raise RuntimeError("illegal address")
        if sum(chunk.num_tokens for chunk in chunks) > 40:
            raise MemoryError
        return self._runner.launch(chunks)


@pytest.fixture
def gated(classifier: Folder, open_encoder: OpenEngine) -> tuple[EncoderEngine, Gate]:
    engine = open_encoder(classifier("distilbert"), max_batch_tokens=100)
    return engine, Gate(engine)


def _ask(*token_ids: int) -> Request:
    return Request(prompt_token_ids=list(token_ids), labels=True)


def test_a_failed_batch_fails_its_texts_alone_and_the_next_are_answered(
    gated: tuple[EncoderEngine, Gate],
) -> None:
    engine, gate = gated
    first = engine.submit(_ask(*range(20, 30)))
    assert gate.entered.wait(30)
    poisoned = [engine.submit(_ask(token, 20, 20)) for token in (POISON, 21)]
    fine = engine.submit(_ask(*range(30, 50)))
    gate.open.set()
    assert len(first.result(60).scores) == len(fine.result(60).scores) == len(LABELS)
    for future in poisoned:
        with pytest.raises(EngineError, match="illegal address"):
            future.result(60)
    assert gate.batches == [[10], [3, 3], [20]]


def test_a_batch_that_memory_is_too_small_for_is_tried_in_smaller_ones(
    gated: tuple[EncoderEngine, Gate],
) -> None:
    engine, gate = gated
    first = engine.submit(_ask(20))
    assert gate.entered.wait(30)
    futures = [engine.submit(_ask(*range(20, 34))) for _ in range(6)]
    too_large = engine.submit(_ask(*range(20, 62)))
    gate.open.set()
    assert all(future.result(60).scores for future in (first, *futures))
    with pytest.raises(OutOfMemory, match="smaller max_batch_tokens or max_model_len"):
        too_large.result(60)
    assert engine.stats().out_of_memory_retries >= 1


def test_a_cancelled_text_is_not_computed(gated: tuple[EncoderEngine, Gate]) -> None:
    engine, gate = gated
    first = engine.submit(_ask(20))
    assert gate.entered.wait(30)
    cancelled, kept = engine.submit(_ask(*range(20, 25))), engine.submit(_ask(*range(20, 34)))
    assert engine.cancel(cancelled)
    gate.open.set()
    assert first.result(60)
    assert kept.result(60)
    assert gate.batches == [[1], [14]]


def test_closing_fails_what_waits_and_refuses_what_comes(gated: tuple[EncoderEngine, Gate]) -> None:
    engine, gate = gated
    running = engine.submit(_ask(20))
    assert gate.entered.wait(30)
    running.add_done_callback(lambda _: engine.close())  # in the engine's thread, after the step
    waiting = engine.submit(_ask(*range(20, 34)))
    gate.open.set()
    assert running.result(60)
    with pytest.raises(EngineClosed):
        waiting.result(60)
    with pytest.raises(EngineClosed):
        engine.submit(_ask(20))


def test_numbers_that_are_none_fail_their_text_alone(classifier: Folder, open_encoder: OpenEngine) -> None:
    engine = open_encoder(classifier("distilbert"))
    with torch.no_grad():
        embeddings = engine._loop._runner._model.base_model.embeddings.word_embeddings  # type: ignore[attr-defined]
        embeddings.weight[50] = float("nan")
    futures = [engine.submit(_ask(token, 21, 22)) for token in (50, 51)]
    with pytest.raises(RequestError, match="not finite"):
        futures[0].result(60)
    assert futures[1].result(60).scores


def test_stats_count_texts_tokens_and_padding(gated: tuple[EncoderEngine, Gate]) -> None:
    engine, gate = gated
    first = engine.submit(_ask(20))
    assert gate.entered.wait(30)
    futures = [engine.submit(_ask(*range(20, 20 + length))) for length in (9, 10, 10)]
    gate.open.set()
    assert all(future.result(60) for future in (first, *futures))
    stats = engine.stats()
    assert (stats.steps, stats.batch_sequences, stats.batch_tokens) == (2, 4, 30)
    assert (stats.prompt_tokens, stats.padding_tokens) == (30, 1)
    assert (stats.running, stats.waiting, stats.blocks_total) == (0, 0, 0)
