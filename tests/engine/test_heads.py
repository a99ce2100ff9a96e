"""What a family does after its head is done, and only by that family."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from engine.heads import Head, LogitRule

RAW = torch.tensor([[-30.0, 0.0, 6.0]])


def config(model_type: str, **settings: Any) -> Any:
    return SimpleNamespace(model_type=model_type, **settings)


@pytest.mark.parametrize("family", ["gemma2", "gemma3_text"])
def test_gemma_bends_its_logits_below_the_cap(family: str) -> None:
    rule = LogitRule.of(config(family, final_logit_softcapping=10.0))
    torch.testing.assert_close(rule.apply(RAW.clone()), 10 * torch.tanh(RAW / 10))
    assert torch.equal(LogitRule.of(config(family, final_logit_softcapping=None)).apply(RAW.clone()), RAW)


def test_granite_divides_its_logits() -> None:
    assert torch.equal(LogitRule.of(config("granite", logits_scaling=4.0)).apply(RAW.clone()), RAW / 4)


def test_a_setting_that_the_family_does_not_know_does_nothing() -> None:
    rule = LogitRule.of(config("llama", final_logit_softcapping=10.0, logits_scaling=4.0))
    assert torch.equal(rule.apply(RAW.clone()), RAW)


def test_a_head_of_half_precision_gives_logits_ruled_in_float32() -> None:
    head = nn.Linear(4, 3, bias=False, dtype=torch.bfloat16)
    model = SimpleNamespace(lm_head=head, config=config("granite", logits_scaling=3.0))
    hidden = torch.ones(2, 4, dtype=torch.bfloat16)
    logits = Head(model).logits(hidden)
    assert logits.dtype is torch.float32
    assert torch.equal(logits, head(hidden).float() / 3)
