"""The decoder for GPUs computes what transformers' modules do, from weights that it takes over."""

import gc
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from engine.decoder import TransformersDecoder
from engine.fused_families import FUSED_FAMILIES
from engine.gpu.fused_decoder import FusedDecoder
from engine.layer_tap import DeepEnough, LayerTap
from engine.loading import make_gpu_decoder
from engine.score_rule import ScoreRule
from tests.engine.gpu.reference import DEVICE, causal
from tests.engine.tiny import FAMILIES, WINDOW, make_model

LENGTHS = [7, WINDOW + 9, 1]
PADDING = 3
TOLERANCE = 1e-5 if DEVICE.type == "cpu" else 1e-4  # of float32, next to the largest number
# What tiny models leave out: biases everywhere, other frequencies, windows in some layers.
VARIANTS: list[tuple[str, dict[str, Any]]] = [
    *((family, {}) for family in FUSED_FAMILIES),
    ("llama", {"attention_bias": True, "mlp_bias": True, "sliding_window": 4}),
    (
        "llama",
        {
            "rope_parameters": {
                "rope_type": "llama3",
                "rope_theta": 1e4,
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 16,
            }
        },
    ),
    ("qwen2", {"rope_parameters": {"rope_type": "yarn", "rope_theta": 1e4, "factor": 4.0}}),
    ("mistral", {"sliding_window": None}),
    ("qwen3", {"attention_bias": True, "num_key_value_heads": 1}),
]


@dataclass(slots=True)
class PlainPlan:
    """Whole texts one after the other, attended to by plain torch. What follows them is padding, and NaN."""

    lengths: list[int]
    tap: LayerTap = field(default_factory=lambda: LayerTap((), whole=True))
    attended: list[int] = field(default_factory=list)  # layers

    def attend(
        self, layer: int, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, rule: ScoreRule
    ) -> torch.Tensor:
        """As `Plan.attend`."""
        self.attended.append(layer)
        output = torch.full_like(query, torch.nan, memory_format=torch.contiguous_format)
        for rows in self.texts():
            output[rows] = _attend(query[rows], key[rows], value[rows], rule)
        return output

    def texts(self) -> Iterator[slice]:
        """Each one's rows."""
        start = 0
        for length in self.lengths:
            yield slice(start, start + length)
            start += length


def _attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, rule: ScoreRule) -> torch.Tensor:
    """One text, all [num_tokens, heads, head_dim], in float32."""
    group = query.shape[1] // key.shape[1]
    q, k, v = (
        heads.float().transpose(0, 1)
        for heads in (query, key.repeat_interleave(group, 1), value.repeat_interleave(group, 1))
    )
    hides = ~causal(len(query), len(query), rule.window).to(DEVICE)
    scores = (q @ k.mT * rule.scaling).masked_fill(hides, -torch.inf)
    return (scores.softmax(-1) @ v).transpose(0, 1).to(query.dtype)


@torch.no_grad()
def model_of(family: str, **changes: Any) -> Any:
    """A tiny model of which no bias is 0 and no norm's weight is 1."""
    model = make_model(family, attn_implementation="eager", **changes).eval().to(DEVICE)
    generator = torch.Generator().manual_seed(1)
    for name, parameter in model.named_parameters():
        if name.endswith(("norm.weight", "bias")):
            parameter += 0.3 * torch.randn(parameter.shape, generator=generator).to(DEVICE)
    return model


def tokens_of(lengths: list[int], seed: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and positions of random texts, and of padding after them."""
    generator = torch.Generator().manual_seed(seed)
    token_ids = torch.randint(2, 320, (sum(lengths) + PADDING,), generator=generator)
    positions = torch.cat([*map(torch.arange, lengths), torch.zeros(PADDING, dtype=torch.int64)])
    return token_ids.to(DEVICE), positions.to(DEVICE)


@torch.inference_mode()
def by_transformers(model: Any, token_ids: torch.Tensor, layer: int = -1) -> torch.Tensor:
    """What a layer gives of each text, one after the other."""
    states = [
        model(token_ids[rows][None], output_hidden_states=True).hidden_states[layer][0]
        for rows in PlainPlan(LENGTHS).texts()
    ]
    return torch.cat(states)


@torch.inference_mode()
def by_ours(decoder: FusedDecoder, token_ids: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    """The same without the padding."""
    hidden = decoder.forward(token_ids, positions, PlainPlan(LENGTHS))
    assert len(hidden) == len(token_ids)
    return hidden[: sum(LENGTHS)]


@pytest.mark.parametrize(("family", "changes"), VARIANTS)
def test_it_computes_what_transformers_does(family: str, changes: dict[str, Any]) -> None:
    model, (token_ids, positions) = model_of(family, **changes), tokens_of(LENGTHS)
    expected = by_transformers(model, token_ids)
    actual = by_ours(FusedDecoder(model), token_ids, positions)
    assert (actual - expected).abs().max() <= TOLERANCE * expected.abs().max()


@pytest.mark.parametrize(("family", "changes"), VARIANTS)
def test_in_bfloat16_it_is_as_near_to_the_truth_as_transformers(family: str, changes: dict[str, Any]) -> None:
    model, (token_ids, positions) = model_of(family, **changes).bfloat16(), tokens_of(LENGTHS)
    truth = by_transformers(deepcopy(model).float(), token_ids)
    theirs = (by_transformers(model, token_ids).float() - truth).norm()
    ours = (by_ours(FusedDecoder(model), token_ids, positions).float() - truth).norm()
    assert ours <= 1.1 * theirs


@pytest.mark.parametrize("family", FUSED_FAMILIES)
@torch.inference_mode()
def test_a_tap_sees_what_each_layer_gives(family: str) -> None:
    model, (token_ids, positions) = model_of(family), tokens_of(LENGTHS)
    expected = [by_transformers(model, token_ids, layer) for layer in range(3)]
    theirs = TapOfTransformers(model)
    by_transformers(model, token_ids)
    expected.append(torch.cat(theirs.given))
    plan = PlainPlan(LENGTHS, LayerTap(range(4), whole=True))
    FusedDecoder(model).forward(token_ids, positions, plan)
    for layer, hidden in enumerate(expected):
        kept = plan.tap.kept[layer][: sum(LENGTHS)]
        assert (kept - hidden).abs().max() <= TOLERANCE * hidden.abs().max()


class TapOfTransformers:
    """What the last layer gives, before the norm that follows it in `hidden_states`."""

    def __init__(self, model: Any) -> None:
        self.given: list[torch.Tensor] = []
        model.model.layers[-1].register_forward_hook(lambda *call: self.given.append(call[2][0]))


@pytest.mark.parametrize("layer", range(4))
@torch.inference_mode()
def test_a_pass_ends_at_the_last_layer_that_is_asked_for(layer: int) -> None:
    plan = PlainPlan([3], LayerTap([layer], whole=False))
    with pytest.raises(DeepEnough):
        FusedDecoder(model_of("llama")).forward(*tokens_of([3]), plan)
    assert plan.attended == list(range(layer))


def weight_bytes() -> int:
    """What all tensors that there are hold, each piece of memory once."""
    gc.collect()
    every = [each for each in gc.get_objects() if issubclass(type(each), torch.Tensor)]
    # What a CPU's engine of another test has packed lies in oneDNN's own layout, and can't be looked at.
    tensors = [each for each in every if each.layout is torch.strided]
    storages = {each.untyped_storage().data_ptr(): each.untyped_storage().nbytes() for each in tensors}
    return sum(storages.values())


HEAD_NORMS_BYTES = 1 << 10  # they are copied


class WatchedLayers(nn.ModuleList):
    """Counts all bytes whenever a layer is taken."""

    def __iter__(self) -> Iterator[nn.Module]:
        self.counts: list[int] = []
        for layer in super().__iter__():
            self.counts.append(weight_bytes())
            yield layer


@pytest.mark.parametrize("family", FUSED_FAMILIES)
def test_a_layers_weights_are_there_once_before_the_next_is_taken_over(family: str) -> None:
    model = model_of(family)
    layers = model.model.layers = WatchedLayers(model.model.layers)
    before = weight_bytes()
    decoder = FusedDecoder(model)
    assert len(layers.counts) == 3
    assert max(*layers.counts, weight_bytes()) <= before + HEAD_NORMS_BYTES
    assert decoder is not None, "alive until here"


class Launched(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Which of torch's operators run, and over which shapes."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        shapes = [tuple(each.shape) for each in args if isinstance(each, torch.Tensor)]
        self.calls.append(f"{func} {shapes}")
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("family", FUSED_FAMILIES)
@torch.inference_mode()
def test_what_is_launched_depends_on_the_number_of_tokens_alone(family: str) -> None:
    decoder, calls = FusedDecoder(model_of(family)), []
    for seed in (2, 3):
        token_ids, positions = tokens_of([3, 1], seed)
        with Launched() as launched:
            decoder.forward(token_ids, positions * seed, PlainPlan([3, 1]))
        calls.append(launched.calls)
    assert calls[0] == calls[1]
    # Those that read a number off the device.
    assert not [call for call in calls[0] if "local_scalar" in call or "nonzero" in call]


@pytest.mark.skipif(DEVICE.type == "cpu", reason="needs a GPU: there are no CUDA graphs without one")
@pytest.mark.parametrize("family", FUSED_FAMILIES)
@torch.inference_mode()
def test_a_captured_graph_gives_what_the_modules_do(family: str) -> None:
    decoder = FusedDecoder(model_of(family).bfloat16())
    (token_ids, positions), (other_ids, _) = tokens_of(LENGTHS), tokens_of(LENGTHS, seed=3)
    by_ours(decoder, token_ids, positions)  # compiles
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        captured = decoder.forward(token_ids, positions, PlainPlan(LENGTHS))
    token_ids.copy_(other_ids)
    graph.replay()
    assert torch.equal(captured[: sum(LENGTHS)], by_ours(decoder, other_ids, positions))


@pytest.mark.parametrize("family", FAMILIES)
def test_other_families_and_activations_run_through_transformers(family: str) -> None:
    assert isinstance(make_gpu_decoder(make_model(family, hidden_act="relu")), TransformersDecoder)
    expected = FusedDecoder if family in FUSED_FAMILIES else TransformersDecoder
    assert isinstance(make_gpu_decoder(make_model(family)), expected)
