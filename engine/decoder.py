"""The seam between a step and a model's layers: flat tokens, positions and a plan in, hidden states out."""

from typing import Any, Protocol

import torch

from engine import layer_tap
from engine.step_plan import StepPlan


class Decoder(Protocol):
    """A model without its head. Any number of threads may call `forward` for different rows."""

    paged: bool  # whether it attends single tokens through block tables

    def forward(self, token_ids: torch.Tensor, positions: torch.Tensor, plan: StepPlan) -> torch.Tensor:
        """Both [num_tokens] int64; returns [num_tokens, hidden_size] after the final norm.

        Raises DeepEnough where the plan's tap needs no deeper layer.
        """


class TransformersDecoder:
    """transformers' own modules, of any family, with our attention in them."""

    paged = False

    def __init__(self, model: Any) -> None:
        self._model = model.base_model
        layer_tap.install(self._model)

    def forward(self, token_ids: torch.Tensor, positions: torch.Tensor, plan: StepPlan) -> torch.Tensor:
        """As `Decoder.forward`."""
        output = self._model(
            input_ids=token_ids[None], position_ids=positions[None], use_cache=False, plan=plan
        )
        hidden: torch.Tensor = output.last_hidden_state[0]
        return hidden
