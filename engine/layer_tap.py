"""Hidden states from between a decoder's layers."""

from collections.abc import Iterable
from typing import Any

import torch


class DeepEnough(Exception):
    """Ends a pass at a layer below which nothing is asked for."""


class LayerTap:
    """Keeps the outputs of some layers in one pass, each [num_tokens, hidden_size].

    Layer 0 is the embeddings as the first layer gets them. Unless the `whole` pass is needed it ends with
    DeepEnough at the last of these layers.
    """

    def __init__(self, layers: Iterable[int], whole: bool) -> None:
        self._layers = frozenset(layers)
        self._last = None if whole else max(self._layers)
        self.kept: dict[int, torch.Tensor] = {}

    def take(self, layer: int, hidden: torch.Tensor) -> None:
        """Look at what a layer gave."""
        if layer in self._layers:
            # A copy: the layers that follow may add to it in place.
            self.kept[layer] = hidden.flatten(0, -2).clone()
        if layer == self._last:
            raise DeepEnough


def install(decoder: Any) -> None:
    """Let each pass look at what lies between the layers through its plan; once, whatever the threads."""
    layers: list[torch.nn.Module] = list(decoder.layers)
    # Not what `embed_tokens` gives: a family may scale that.
    layers[0].register_forward_pre_hook(_before_first, with_kwargs=True)
    for number, layer in enumerate(layers, start=1):
        layer.register_forward_hook(_after(number), with_kwargs=True)


def _before_first(
    _module: torch.nn.Module, inputs: tuple[torch.Tensor, ...], options: dict[str, Any]
) -> None:
    options["plan"].tap.take(0, inputs[0])


def _after(number: int) -> Any:
    def hook(_module: torch.nn.Module, _inputs: Any, options: dict[str, Any], output: torch.Tensor) -> None:
        options["plan"].tap.take(number, output)

    return hook
