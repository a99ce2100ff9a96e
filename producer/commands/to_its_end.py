"""How commands that work on this machine end when they are stopped on their way."""

from collections.abc import Callable
from typing import TypeVar

import redis
import typer

from producer.errors import UserError

ResultT = TypeVar("ResultT")


def to_its_end(run: Callable[[], ResultT]) -> ResultT:
    """What `run` returns; whatever stops it, the remedy is the same command again."""
    try:
        return run()
    except redis.RedisError as error:
        raise UserError(
            f"the run's own Valkey ended ({error}); give the same command again to go on"
        ) from error
    except KeyboardInterrupt:
        typer.echo("\nbydawn: interrupted; the same command again goes on from here", err=True)
        raise typer.Exit(130) from None
