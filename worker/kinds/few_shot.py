"""Which labelled examples every prompt holds: as many of each label, within a budget of tokens."""

from collections.abc import Callable, Iterator, Sequence

from jobs.outcome import Code, RowError
from jobs.spec import Example

DEFAULT_TOKENS = 1024
"""Where nothing is said, unless one example of each label takes more; ops/BENCHMARKS.md has the figures."""

LARGEST_SHARE = 0.5  # of the model's context


def choose(
    examples: Sequence[Example],
    labels: Sequence[str],
    count_tokens: Callable[[Example], int],
    budget_tokens: int | None,
    context_tokens: int,
) -> list[Example]:
    """Whole rounds of examples, with one of each label that has one left.

    It depends on nothing but what it is given, so that all workers choose the same.

    Raises:
        RowError: not even one of each label fits.
    """
    room = int(context_tokens * LARGEST_SHARE)
    chosen: list[Example] = []
    taken = 0
    for number, of_round in enumerate(_rounds(examples, labels)):
        taken += sum(map(count_tokens, of_round))
        if number == 0:
            room = min(room, budget_tokens or max(DEFAULT_TOKENS, taken))
            _check_fits(len(of_round), taken, room, context_tokens)
        if taken > room:
            break
        chosen += of_round
    return chosen


def _rounds(examples: Sequence[Example], labels: Sequence[str]) -> Iterator[list[Example]]:
    left = {label: [example for example in examples if example.label == label] for label in labels}
    while any(left.values()):
        yield [texts.pop(0) for texts in left.values() if texts]


def _check_fits(count: int, taken: int, room: int, context_tokens: int) -> None:
    if taken > room:
        raise RowError(
            Code.REFUSED,
            f"one example of each of {count} labels takes {taken:,} tokens, and {room:,} are allowed: raise "
            f"--examples-tokens (at most half of the model's {context_tokens:,}), or shorten the examples",
        )
