"""Hidden states from between a decoder's layers."""

from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from typing import Any

import torch


class _DeepEnough(Exception):
    pass


def run_tapped(
    decoder: Any, layers: Iterable[int], whole: bool, forward: Callable[[], torch.Tensor]
) -> tuple[dict[int, torch.Tensor], torch.Tensor | None]:
    """Run `forward` over `decoder` and keep the outputs of some layers, each [1, num_tokens, hidden_size].

    Layer 0 is the embeddings. Unless the `whole` pass is needed it ends at the last of these layers, and
    the second value, what `forward` returned, is None.
    """
    kept: dict[int, torch.Tensor] = {}
    last = max(layers, default=None) if not whole else None
    output = None
    with ExitStack() as stack, suppress(_DeepEnough):
        for layer in set(layers):
            module = decoder.layers[layer - 1] if layer else decoder.embed_tokens
            handle = module.register_forward_hook(_keep(kept, layer, stop=layer == last))
            stack.callback(handle.remove)
        output = forward()
    return kept, output


def _keep(kept: dict[int, torch.Tensor], layer: int, stop: bool) -> Callable[..., None]:
    def hook(_module: torch.nn.Module, _inputs: Any, output: torch.Tensor) -> None:
        kept[layer] = output
        if stop:
            raise _DeepEnough

    return hook
