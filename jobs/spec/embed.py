"""What is asked of a text's vector."""

from typing import Literal

from jobs.spec.base import BaseSpec


class EmbedSpec(BaseSpec):
    """A vector per text: the model's hidden states of `layer`, pooled."""

    kind: Literal["embed"] = "embed"
    pool: Literal["mean", "last", "mean+last"] = "mean"
    layer: int = -1
