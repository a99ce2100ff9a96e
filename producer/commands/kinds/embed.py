"""`embed`: its options and its spec."""

from typing import Annotated, get_args

import typer

from jobs.spec import EmbedSpec
from producer import options
from producer.errors import UserError

Pool = Annotated[
    str,
    typer.Option(help="default, mean, last, mean+last or cls.", rich_help_panel=options.JOB),
]
Layer = Annotated[int, typer.Option(help="Whose hidden states; -1 is the last.", rich_help_panel=options.JOB)]


def embed(pool: Pool = "default", layer: Layer = -1) -> EmbedSpec:
    """A vector per text: the model's pooled hidden states."""
    allowed = get_args(EmbedSpec.model_fields["pool"].annotation)
    if pool not in allowed:
        raise UserError(f"--pool can't be {pool!r}; allowed are {', '.join(allowed)}")
    return EmbedSpec.model_validate({"pool": pool, "layer": layer})
