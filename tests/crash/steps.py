"""A process that dies after its n-th step; a step is one call of the store, the ledger or the queue."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

T = TypeVar("T")


class Death(BaseException):
    """No handler for errors catches it."""


class Steps:
    """Counts what one process does; once dead, it does nothing more, not even on its way out."""

    def __init__(self, dies_after: int) -> None:
        self._left = dies_after
        self.is_dead = False

    def of(self, target: T) -> T:
        """The same thing, each of its methods a step."""
        return cast("T", _Stepwise(target, self))

    def step(self, call: "Callable[..., Any]") -> "Callable[..., Any]":
        def counted(*arguments: Any, **more: Any) -> Any:
            if self.is_dead:
                raise Death
            result = call(*arguments, **more)
            self._left -= 1
            if self._left == 0:
                self.is_dead = True
                raise Death
            return result

        return counted


class _Stepwise:
    def __init__(self, target: object, steps: Steps) -> None:
        self._target = target
        self._steps = steps

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._target, name)
        return self._steps.step(value) if callable(value) else value
