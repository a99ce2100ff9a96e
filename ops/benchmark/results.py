"""What the turns of a run come to: rates, medians, ratios, shares. No I/O."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from ops.benchmark.peers.protocol import Answer
from ops.benchmark.rates import by_system, medians

BASELINE = "transformers-continuous"
FLOAT32 = "bydawn-fp32"  # the others of ours have weights in 16 bits
REFERENCE = "transformers-generate"  # whose greedy tokens ours are compared with
VLLM = ("vllm-eager", "vllm-compiled")


@dataclass(frozen=True, slots=True)
class Measured:
    """One turn: who ran how many of a work's requests, and what came of it."""

    work: str
    round: int
    system: str
    requests: int
    requests_whole: int
    answer: Answer
    labels: tuple[int, ...] = ()  # the right ones

    @property
    def rate(self) -> float:
        """Output tokens a second; rows a second where labels were asked for."""
        amount = self.requests if self.labels else sum(self.answer.num_tokens)
        return amount / self.answer.seconds


@dataclass(frozen=True, slots=True)
class Line:
    """A system in a work's table."""

    system: str
    median: float
    least: float
    most: float
    to_baseline: float | None
    to_best_vllm: float | None
    requests: int
    requests_whole: int
    accuracy: float | None
    commonest_answer: float | None  # the share of rows that got it
    commonest_true_label: float | None  # what answering it every time would be right in


def lines(turns: Sequence[Measured]) -> list[Line]:
    """One work's table, in the order in which its systems first ran."""
    systems = by_system(turns)
    middles = medians(systems)
    baseline = middles.get(BASELINE)
    best_vllm = max((middles[name] for name in VLLM if name in middles), default=None)
    return [_line(own, middles[name], baseline, best_vllm) for name, own in systems.items()]


def _line(own: list[Measured], middle: float, baseline: float | None, best_vllm: float | None) -> Line:
    rates = [turn.rate for turn in own]
    given = [label for turn in own for label in turn.answer.labels]
    return Line(
        system=own[0].system,
        median=middle,
        least=min(rates),
        most=max(rates),
        to_baseline=middle / baseline if baseline else None,
        to_best_vllm=middle / best_vllm if best_vllm else None,
        requests=own[0].requests,
        requests_whole=own[0].requests_whole,
        accuracy=accuracy(own) if given else None,
        commonest_answer=_commonest_share(given),
        commonest_true_label=_commonest_share([label for turn in own for label in turn.labels]),
    )


def _commonest_share(labels: Sequence[int | None]) -> float | None:
    return Counter(labels).most_common(1)[0][1] / len(labels) if labels else None


def accuracy(turns: Iterable[Measured]) -> float:
    """The share of rows whose label is the right one."""
    pairs = [pair for turn in turns for pair in zip(turn.answer.labels, turn.labels, strict=True)]
    return sum(given == right for given, right in pairs) / len(pairs)


@dataclass(frozen=True, slots=True)
class Agreement:
    """How a system's greedy tokens compare with another's, request by request."""

    requests: int
    identical: int
    first_differing: tuple[
        int, ...
    ]  # for each other request, how many tokens agree before the first that differs

    def __str__(self) -> str:
        if self.identical == self.requests:
            return f"all {self.requests} identical"
        agreeing = median(self.first_differing)
        return f"{self.identical} of {self.requests} identical, the others for {agreeing:g} tokens (median)"


def agreement(pairs: Iterable[tuple[Sequence[int], Sequence[int]]]) -> Agreement:
    """Compare token ids pair by pair."""
    every = list(pairs)
    differing = tuple(_common_prefix(mine, theirs) for mine, theirs in every if list(mine) != list(theirs))
    return Agreement(len(every), len(every) - len(differing), differing)


def _common_prefix(mine: Sequence[int], theirs: Sequence[int]) -> int:
    both = zip(mine, theirs, strict=False)
    shorter = min(len(mine), len(theirs))
    return next((index for index, (one, other) in enumerate(both) if one != other), shorter)


def agreement_in(turns: Sequence[Measured], system: str, reference: str) -> Agreement | None:
    """Of the requests that both have run in the same round; None if there are none."""
    own = {turn.round: turn.answer.token_ids for turn in turns if turn.system == system}
    theirs = {turn.round: turn.answer.token_ids for turn in turns if turn.system == reference}
    pairs = [pair for r in own.keys() & theirs.keys() for pair in zip(own[r], theirs[r], strict=False)]
    return agreement(pairs) if pairs else None
