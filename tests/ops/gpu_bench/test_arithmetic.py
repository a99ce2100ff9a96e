"""Bytes and operations by a model's shape, worked by hand and against transformers' own model."""

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from ops.benchmark.gpu.arithmetic import Needs, bytes_read, flops, needs, rows_that_fit
from ops.benchmark.gpu.shapes import LLAMA, QWEN, REAL, TINY, Shape
from ops.benchmark.peers.protocol import Item, Labelling, Turn

# Layers of 3 * (2 * (2 + 1) * 2 + 3 * 5) = 81 weights, a head of 3 * 7 = 21; 2 * 2 * 1 * 2 = 8 numbers of KV.
SMALL = Shape("small", "llama", 7, 3, 5, num_layers=2, num_heads=2, num_kv_heads=1, head_dim=2, options={})


def test_weights_and_kv_by_hand() -> None:
    assert (SMALL.layer_weights, SMALL.head_weights, SMALL.kv_numbers) == (162, 21, 8)


@pytest.mark.parametrize("shape", [*REAL.values(), *TINY.values()], ids=lambda shape: shape.name)
def test_a_shape_counts_the_weights_that_transformers_model_has(shape: Shape) -> None:
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(shape.model_type, **shape.config()))
    linears = {name: m.weight.numel() for name, m in model.named_modules() if isinstance(m, torch.nn.Linear)}
    assert shape.head_weights == linears.pop("lm_head")
    assert shape.layer_weights == sum(linears.values())


@pytest.mark.parametrize(("name", "billions"), [(QWEN, 0.596), (LLAMA, 8.03)])
def test_the_real_shapes_have_as_many_weights_as_their_models(name: str, billions: float) -> None:
    shape = REAL[name]
    copies = 1 if shape.options["tie_word_embeddings"] else 2
    assert shape.layer_weights + copies * shape.head_weights == pytest.approx(billions * 1e9, rel=0.001)


def test_a_prompts_tokens_look_back_on_all_before_them_and_the_last_of_output_is_not_computed() -> None:
    # Places 1 to 3 are the prompt; 4 is the first token of output, which the second comes from.
    assert needs(Turn([Item([1, 2, 3], 2)])) == Needs(
        tokens=4, logit_rows=2, attended=1 + 2 + 3 + 4, decode_kv_tokens=4
    )


def test_a_prompt_alone_needs_no_decoding() -> None:
    assert needs(Turn([Item([1, 2, 3], 1)])) == Needs(tokens=3, logit_rows=1, attended=6)


def test_a_beginning_that_all_prompts_share_is_needed_once() -> None:
    turn = Turn([Item([1, 2, 3], 1), Item([1, 2, 4], 1), Item([1, 2, 5, 6], 1)])
    assert needs(turn) == Needs(tokens=3 + 1 + 2, logit_rows=3, attended=6 + 3 + 3 + 4)


def test_labels_need_their_common_beginnings_once_and_their_last_letters_never() -> None:
    turn = Turn([Item([1, 2, 3], 3)], Labelling(["a", "ab", "abc", "abd", "b"], []))
    # Beside the prompt: "a" at place 4, "ab" at place 5; logits after the prompt and after each of them.
    assert needs(turn) == Needs(tokens=5, logit_rows=3, attended=6 + 4 + 5)


def test_operations_by_hand() -> None:
    # 2 * (4 * 162 + 2 * 21) for products, 4 * 2 layers * 2 heads * 2 numbers * 10 for attention.
    assert flops(Needs(4, 2, 10), SMALL) == 2 * (648 + 42) + 320


def test_bytes_of_steps_by_hand() -> None:
    assert bytes_read(3, 10, SMALL, 2) == 2 * (3 * 183 + 10 * 8)


def test_a_decode_step_of_the_8b_at_64_sequences_of_1024_tokens_reads_24_gigabytes() -> None:
    weights = 2 * (6_979_321_856 + 525_336_576)
    keys_and_values = 64 * 1024 * 131_072
    assert bytes_read(1, 64 * 1024, REAL[LLAMA], 2) == weights + keys_and_values == 23_599_251_456


def test_static_rows_fill_half_of_what_the_weights_leave() -> None:
    # Weights take 2 * (162 + 42) = 408 bytes; a row of 10 tokens takes 160.
    assert rows_that_fit(408 + 2 * 160 * 3, 10, SMALL, 2) == 3
    assert rows_that_fit(408 + 2 * 160 * 3 - 2, 10, SMALL, 2) == 2


def test_there_is_always_one_static_row_and_never_more_than_256() -> None:
    assert rows_that_fit(0, 10, SMALL, 2) == 1
    assert rows_that_fit(1 << 40, 10, SMALL, 2) == 256
