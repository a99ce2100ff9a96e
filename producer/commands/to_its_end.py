"""How commands that work on this machine end when they are stopped on their way."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

import redis
import typer

from producer.errors import UserError

ResultT = TypeVar("ResultT")


class _Terminated(KeyboardInterrupt):
    """SIGTERM; whatever answers a Ctrl-C answers this, too."""


def to_its_end(run: Callable[[], ResultT]) -> ResultT:
    """What `run` returns; whatever stops it, the remedy is the same command again."""
    try:
        with _terminated_as_interrupted():
            return run()
    except redis.RedisError as error:
        raise UserError(
            f"the run's own Valkey ended ({error}); give the same command again to go on"
        ) from error
    except KeyboardInterrupt as stop:
        typer.echo("\nbydawn: interrupted; the same command again goes on from here", err=True)
        number = signal.SIGTERM if isinstance(stop, _Terminated) else signal.SIGINT
        raise typer.Exit(128 + number) from None  # as shells tell a signal


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    def stop(_number: int, _frame: FrameType | None) -> None:
        raise _Terminated

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
