"""What is asked of a text's vector."""

from typing import Literal

from jobs.spec.base import BaseSpec


class EmbedSpec(BaseSpec):
    """A vector per text: the model's hidden states of `layer`, pooled.

    The default pooling is the one that a sentence encoder was trained with, and the mean of other models.
    """

    kind: Literal["embed"] = "embed"
    pool: Literal["default", "mean", "last", "mean+last", "cls"] = "default"
    layer: int = -1
