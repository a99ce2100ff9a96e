"""Futures get their news, once, whatever their callbacks do."""

import logging
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from engine.errors import EngineError

T = TypeVar("T")
logger = logging.getLogger(__name__)


def settle(future: "Future[T]", function: Callable[[], T]) -> None:
    """Give a future what the function returns or raises, unless it has been cancelled."""
    if not future.set_running_or_notify_cancel():
        return
    try:
        answer = function()
    except BaseException as error:  # it is the caller's, whatever it is
        _tell(future.set_exception, error)
    else:
        _tell(future.set_result, answer)


def settle_failed(future: "Future[Any]", error: EngineError, cause: BaseException | None) -> None:
    """Give a future an error and what caused it, unless it has been cancelled."""
    error.__cause__ = cause or error.__cause__
    if future.set_running_or_notify_cancel():
        _tell(future.set_exception, error)


def _tell(tell: Callable[[Any], None], news: Any) -> None:
    """Settle a future. What its callbacks raise is not ours; the future stops only Exceptions."""
    try:
        tell(news)
    except BaseException:
        logger.exception("a future's callback raised")
