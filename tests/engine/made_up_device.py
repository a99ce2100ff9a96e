"""A stand-in for a device that computes while the host goes on, and what it computes."""

from collections.abc import Callable
from collections.abc import Sequence as Seq
from dataclasses import dataclass, field
from hashlib import blake2b

from engine.errors import RequestError
from engine.sequence import Chunk
from engine.work import (
    ChunkResult,
    EdgeLogprobs,
    Encoding,
    Generation,
    HiddenSums,
    NoToken,
    Pooling,
    Sampled,
    Scoring,
)

BLOCK_TOKENS = 4
VOCABULARY = 5
NO_TOKEN = 0.02  # how often logits are not finite


def nothing(chunks: Seq[Chunk]) -> None:
    """What happens at most launches."""


@dataclass(slots=True)
class Device:
    """A runner whose results are a function of the sequence and the place, whenever they are asked for.

    `before` looks at each launch's chunks and `at_results` at those whose results are asked for; both may
    raise. `events` holds what was asked of it: launch 0, launch 1, results 0, and so on.
    """

    runs_ahead: bool = True
    before: Callable[[Seq[Chunk]], None] = nothing
    at_results: Callable[[Seq[Chunk]], None] = nothing
    events: list[tuple[str, int]] = field(default_factory=list)
    chunks: list[Seq[Chunk]] = field(default_factory=list)
    num_in_flight: int = 0

    def launch(self, chunks: Seq[Chunk]) -> "Step":
        """Start a step, while one other at most is in flight."""
        assert self.num_in_flight <= self.runs_ahead, "a third step is launched, or one without need"
        self.before(chunks)
        for chunk in chunks:
            self._check_input(chunk)
        self.events.append(("launch", len(self.chunks)))
        self.chunks.append(chunks)
        self.num_in_flight += 1
        return Step(self, len(self.chunks) - 1, [of_chunk(chunk) for chunk in chunks])

    def _check_input(self, chunk: Chunk) -> None:
        """A token that the host does not know is what the launch before gives for its sequence."""
        assert chunk.num_tokens > 0
        assert len(chunk.sequence.block_table) * BLOCK_TOKENS >= chunk.end, "it holds no block there"
        if chunk.end > len(chunk.sequence.token_ids):
            assert chunk.num_tokens == 1
            assert not chunk.sequence.waits_for_host
            assert self.num_in_flight == 1
            before = [each for each in self.chunks[-1] if each.sequence is chunk.sequence]
            assert [(each.end, each.gives_token) for each in before] == [(chunk.start, True)]

    def results(self, number: int, results: list[ChunkResult]) -> list[ChunkResult]:
        """Give what a step was to give."""
        self.events.append(("results", number))
        self.num_in_flight -= 1
        try:
            self.at_results(self.chunks[number])
        except Exception:
            self.num_in_flight = 0  # the one behind it is given up
            raise
        return results


@dataclass(frozen=True, slots=True)
class Step:
    """One of the device's steps."""

    device: Device
    number: int
    made_up: list[ChunkResult]

    def results(self) -> list[ChunkResult]:
        """Once, and in the order of the launches."""
        return self.device.results(self.number, self.made_up)


class EndAfter:
    """A matcher that ends an output after so many tokens, and insists on knowing each before the next."""

    def __init__(self, num_tokens: int) -> None:
        self.bitmask = b"\xff"
        self._left = num_tokens

    def consume(self, token_id: int) -> bool:
        """Take a token."""
        if token_id == VOCABULARY - 1 and self._left == 3:
            raise RequestError("the constraint is too complex")
        self._left -= 1
        return self._left <= 0


def token_at(seed: int, place: int) -> int:
    """The token of a sequence that follows `place` tokens."""
    return _hash(f"{seed}:{place}") % VOCABULARY


def of_chunk(chunk: Chunk) -> ChunkResult:
    """What the device gives for it, from what is known of its sequence now."""
    match chunk.sequence.work:
        case Generation(seed=seed):
            if not chunk.gives_token:
                return None
            is_bad = _hash(f"bad:{seed}:{chunk.end}") < NO_TOKEN * 2**32
            return NoToken("not finite") if is_bad else Sampled(token_at(seed, chunk.end))
        case Scoring(trie=trie, nodes=nodes):
            root = chunk.sequence.num_prompt_tokens - 1
            here = [0, *nodes][max(chunk.start - root, 0) : max(chunk.end - root, 0)]
            edges = [edge for node in here for edge in trie.edges_after[node]]
            return EdgeLogprobs({edge: -1 - _hash(f"edge:{edge}") % 97 / 8 for edge in edges})
        case Pooling():
            own = [float(token_id) for token_id in chunk.token_ids]
            return HiddenSums([sum(own), 1.0 * len(own)], [own[-1], 1.0 * chunk.end])
        case Encoding():
            raise AssertionError("no decoder's work")


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=4).digest())
