"""What only a GPU itself shows of loading onto it, and of losing it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from engine.loading import load_model
from engine.models import resolve
from tests.engine.tiny import save_model

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU: it is what is tested")

ROOT = Path(__file__).parents[3]
READ_BEYOND_THE_END = """
import torch
from engine.errors import is_device_lost
numbers = torch.zeros(4, device="cuda")
for index in (1_000_000, 0):  # the second read would be fine, but for the first
    try:
        numbers[torch.tensor([index], device="cuda")].sum().item()
    except Exception as error:
        print(is_device_lost(error))
"""


def test_weights_reach_a_gpu_rounded_as_transformers_rounds_them(tmp_path: Path) -> None:
    folder = save_model("gemma2", tmp_path)
    loaded = load_model(resolve(str(folder)), torch.bfloat16, torch.device("cuda:0"))
    expected = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
    assert all(tensor.is_cuda for tensor in (*loaded.parameters(), *loaded.buffers()))
    for name, weight in expected.named_parameters():
        assert torch.equal(loaded.get_parameter(name).cpu(), weight), name


def test_after_a_device_side_assert_every_error_says_that_the_device_is_lost() -> None:
    done = subprocess.run(
        [sys.executable, "-c", READ_BEYOND_THE_END],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["True", "True"], done.stderr
