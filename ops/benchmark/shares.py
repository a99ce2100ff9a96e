"""Whose turn it is, and how much of a work a slow system gets. No I/O."""

from collections.abc import Sequence
from typing import TypeVar

from ops.benchmark.peers.protocol import Item, Turn

# What a prompt's token costs beside one of output, which is computed in smaller batches: for guesses only.
PROMPT_TOKEN_COST = 0.5
LEAST_REQUESTS = 8

T = TypeVar("T")


def rotated(systems: Sequence[T], number: int) -> list[T]:
    """Another one first in each round, so that none always runs after the same one."""
    shift = number % len(systems) if systems else 0
    return [*systems[shift:], *systems[:shift]]


def cost(turn: Turn, prompt_token_cost: float = PROMPT_TOKEN_COST) -> float:
    """How much work a turn is, in output tokens' worth."""
    return sum(_item_cost(item, prompt_token_cost) for item in turn.items)


def affordable(turn: Turn, budget: float, prompt_token_cost: float = PROMPT_TOKEN_COST) -> int:
    """How many of the first requests fit a budget of cost: all, or at least a few."""
    spent = 0.0
    for count, item in enumerate(turn.items):
        spent += _item_cost(item, prompt_token_cost)
        if spent > budget:
            return min(max(count, LEAST_REQUESTS), len(turn.items))
    return len(turn.items)


def _item_cost(item: Item, prompt_token_cost: float) -> float:
    return item.max_tokens + prompt_token_cost * len(item.prompt)
