"""A pass goes as deep as somebody asks, and no deeper."""

import pytest
import torch

from engine import Engine, Request, Sampling
from engine.layer_tap import DeepEnough, LayerTap
from tests.engine.conftest import MakeEngine
from tests.engine.tiny import Reference

HIDDEN = torch.ones(2, 4)


def test_a_pass_ends_at_the_deepest_layer_that_is_asked_for() -> None:
    tap = LayerTap([1, 3], whole=False)
    for layer in (0, 1, 2):
        tap.take(layer, HIDDEN)
    with pytest.raises(DeepEnough):
        tap.take(3, HIDDEN)
    assert sorted(tap.kept) == [1, 3]


def test_a_pass_with_other_work_in_it_goes_to_its_end() -> None:
    tap = LayerTap([1], whole=True)
    for layer in (0, 1, 2):
        tap.take(layer, HIDDEN)
    assert sorted(tap.kept) == [1]


@pytest.mark.parametrize("family", ["llama", "gemma2"])
def test_texts_pooled_below_the_top_and_answers_share_steps_without_harm(
    family: str, make_engine: MakeEngine, references: dict[str, Reference]
) -> None:
    """One family runs through modules of our own, the other through transformers'."""
    engine: Engine = make_engine(family, max_batch_tokens=16)
    reference, prompts = references[family], [list(range(2, 2 + length)) for length in (5, 19, 30)]
    answer = Sampling(max_tokens=20, ignore_eos=True)
    answers = [engine.submit(Request(prompt_token_ids=prompt, sampling=answer)) for prompt in prompts]
    pooled = [engine.submit(Request(prompt_token_ids=prompt, pool="mean", layer=1)) for prompt in prompts * 3]
    for future, prompt in zip(pooled, prompts * 3, strict=True):
        mean = reference.hidden(prompt, 1).mean(0)
        assert future.result(60).embedding == pytest.approx([float(x) for x in mean], abs=1e-4)
    for future, prompt in zip(answers, prompts, strict=True):
        assert list(future.result(60).token_ids) == reference.greedy(prompt, 20, eos=False)
