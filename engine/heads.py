"""From hidden states to logits: the model's head, and what a family does after it."""

from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True, slots=True)
class LogitRule:
    """What is done to a head's output: divide it by `divisor`, then bend it below `soft_cap`."""

    divisor: float = 1.0
    soft_cap: float | None = None

    @classmethod
    def of(cls, config: Any) -> "LogitRule":
        """The rule of a model's family.

        By family, not by what the config holds: transformers ignores a setting that its family does not know.
        """
        match config.model_type:
            case "gemma2" | "gemma3_text":
                return cls(soft_cap=config.final_logit_softcapping)
            case "granite":
                return cls(divisor=config.logits_scaling)
        return cls()

    def apply(self, logits: torch.Tensor) -> torch.Tensor:
        """Logits as the model means them, in place; any shape."""
        if self.divisor != 1:
            logits.div_(self.divisor)
        if self.soft_cap is not None:
            logits.div_(self.soft_cap).tanh_().mul_(self.soft_cap)
        return logits


class Head:
    """The model's `lm_head` with its family's rule."""

    def __init__(self, model: Any) -> None:
        self._lm_head = model.lm_head
        self._rule = LogitRule.of(model.config)

    def logits(self, hidden: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
        """[num_rows, hidden_size] after the final norm to [num_rows, vocab_size] float32; `out` takes it."""
        raw: torch.Tensor = self._lm_head(hidden)
        return self._rule.apply(raw.float() if out is None else out.copy_(raw))
