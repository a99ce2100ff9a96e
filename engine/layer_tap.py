"""Hidden states from between a decoder's layers."""

from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from typing import Any

import torch
from torch.utils.hooks import RemovableHandle


class _DeepEnough(Exception):
    pass


def run_tapped(
    decoder: Any, layers: Iterable[int], whole: bool, forward: Callable[[], torch.Tensor]
) -> tuple[dict[int, torch.Tensor], torch.Tensor | None]:
    """Run `forward` over `decoder` and keep the outputs of some layers, each [1, num_tokens, hidden_size].

    Layer 0 is the embeddings as the first layer gets them. Unless the `whole` pass is needed it ends at the
    last of these layers, and the second value, what `forward` returned, is None.
    """
    kept: dict[int, torch.Tensor] = {}
    last = max(layers, default=None) if not whole else None
    output = None
    with ExitStack() as stack, suppress(_DeepEnough):
        for layer in set(layers):
            stack.callback(_tap(decoder, layer, _keep(kept, layer, stop=layer == last)).remove)
        output = forward()
    return kept, output


def _tap(decoder: Any, layer: int, keep: Callable[[torch.Tensor], None]) -> RemovableHandle:
    layers: list[torch.nn.Module] = decoder.layers
    if layer:
        return layers[layer - 1].register_forward_hook(lambda _module, _inputs, output: keep(output))
    # Not what `embed_tokens` gives: a family may scale that.
    return layers[0].register_forward_pre_hook(lambda _module, inputs: keep(inputs[0]))


def _keep(kept: dict[int, torch.Tensor], layer: int, stop: bool) -> Callable[[torch.Tensor], None]:
    def keep(hidden: torch.Tensor) -> None:
        kept[layer] = hidden
        if stop:
            raise _DeepEnough

    return keep
