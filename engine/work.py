"""The kinds of work a sequence can be: generate tokens, score choices, pool hidden states; or encode.

Each says what it needs of the model and takes in what the model gave, one chunk of tokens at a time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import fsum, hypot, isfinite

from engine.best_choice import BestChoiceSearch
from engine.detokenizer import TextStream
from engine.matcher import Matcher
from engine.request import Pool, Sampling, TopLogprobs
from engine.trie import ChoiceTrie

NOT_FINITE = "the model's numbers for this text are not finite: check its weights, or use another dtype"


@dataclass(frozen=True, slots=True)
class Sampled:
    """The next token of a sequence, and the model's own log-probabilities where they were asked for."""

    token_id: int
    logprob: float | None = None
    top_logprobs: TopLogprobs = ()


@dataclass(frozen=True, slots=True)
class NoToken:
    """Why a sequence has no next token, though the step that it was in is good."""

    reason: str


@dataclass(frozen=True, slots=True)
class EdgeLogprobs:
    """Log-probabilities of a choice trie's edges, by edge number."""

    by_edge: dict[int, float]

    @property
    def are_finite(self) -> bool:
        """False after weights or a dtype that make infinite values or no numbers of a text."""
        return all(map(isfinite, self.by_edge.values()))


@dataclass(frozen=True, slots=True)
class HiddenSums:
    """Hidden states of a chunk: summed over its tokens, and its last token's. Each [hidden_size]."""

    total: list[float]
    last: list[float]

    @property
    def are_finite(self) -> bool:
        """As `EdgeLogprobs.are_finite`; the total has the last token's, too."""
        return all(map(isfinite, self.total))


@dataclass(frozen=True, slots=True)
class Encoded:
    """What an encoder gives for a whole text: its vector, or its labels' log-probabilities."""

    values: list[float]

    @property
    def are_finite(self) -> bool:
        """As `EdgeLogprobs.are_finite`."""
        return all(map(isfinite, self.values))


ChunkResult = Sampled | NoToken | EdgeLogprobs | HiddenSums | Encoded | None


def merge(first: ChunkResult, second: ChunkResult) -> ChunkResult:
    """The result of a chunk from those of its two parts, which were computed apart."""
    match first, second:
        case EdgeLogprobs(), EdgeLogprobs():
            return EdgeLogprobs(first.by_edge | second.by_edge)
        case HiddenSums(), HiddenSums():
            total = [before + more for before, more in zip(first.total, second.total, strict=True)]
            return HiddenSums(total, second.last)
    return second


@dataclass(slots=True)
class Generation:
    """Decode tokens until a stop token, a stop string, the matcher's end or `max_tokens`.

    `seed` decides the draws.
    """

    sampling: Sampling
    stop_token_ids: frozenset[int]
    seed: int
    stream: TextStream | None
    matcher: Matcher | None = None
    logprobs: list[float] = field(default_factory=list)
    top_logprobs: list[TopLogprobs] = field(default_factory=list)

    @property
    def waits_for_host(self) -> bool:
        """Whether the host must know each token before the next: a matcher or a penalty counts it."""
        sampling = self.sampling
        return self.matcher is not None or sampling.repetition_penalty != 1 or sampling.frequency_penalty != 0


@dataclass(slots=True)
class Scoring:
    """Sum the log-probabilities of each choice's tokens, or with a `search` of as many as it needs.

    `nodes` are those of the trie that the sequence has, in its order: without a search all, at once.
    """

    trie: ChoiceTrie
    search: BestChoiceSearch | None = None
    nodes: list[int] = field(default_factory=list)
    num_nodes_in_line: int = 0  # the first nodes, each the child of the one before
    edge_logprobs: dict[int, float] = field(default_factory=dict)

    def add(self, by_edge: Mapping[int, float]) -> None:
        """Take in the log-probabilities of some edges."""
        self.edge_logprobs.update(by_edge)

    def wanted_nodes(self) -> Sequence[int]:
        """What to compute after all that is known; nothing if that is enough."""
        if self.search is not None:
            return self.search.wanted_nodes(self.edge_logprobs)
        return self.trie.nodes[len(self.nodes) :]

    def append(self, nodes: Sequence[int]) -> None:
        """Note that the sequence has these nodes now."""
        for node in nodes:
            is_in_line = self.num_nodes_in_line == len(self.nodes) == self.trie.depths[node - 1] - 1
            self.num_nodes_in_line += is_in_line
            self.nodes.append(node)

    def choice_logprob(self, choice: int) -> float:
        """The sum of one that is computed."""
        return fsum(self.edge_logprobs[edge] for edge in self.trie.choices[choice])

    def choice_logprobs(self) -> tuple[float, ...]:
        """One sum per choice, in the request's order."""
        return tuple(map(self.choice_logprob, range(len(self.trie.choices))))


@dataclass(slots=True)
class Pooling:
    """Pool the hidden states of layer `layer` (0 the embeddings, None the last after the final norm)."""

    pool: Pool
    layer: int | None
    normalize: bool = False
    total: list[float] = field(default_factory=list)
    last: list[float] = field(default_factory=list)

    def add(self, sums: HiddenSums, *, starts_over: bool) -> None:
        """Take in the next chunk, or the first one, after a preemption again."""
        if starts_over:
            self.total = []
        pairs = zip(self.total, sums.total, strict=True) if self.total else ((0.0, x) for x in sums.total)
        self.total = [before + more for before, more in pairs]
        self.last = sums.last

    def embedding(self, num_tokens: int) -> tuple[float, ...]:
        """[hidden_size], or [2 * hidden_size] for `mean+last`; of length 1 if that is asked for."""
        mean = [x / num_tokens for x in self.total]
        by_pool: dict[Pool, Sequence[float]] = {
            "mean": mean,
            "last": self.last,
            "mean+last": mean + self.last,
        }
        vector = by_pool[self.pool]
        length = hypot(*vector) if self.normalize else 1.0
        return tuple(x / length for x in vector) if length not in (0.0, 1.0) else tuple(vector)


@dataclass(frozen=True, slots=True)
class VectorAsk:
    """Which vector of a text: no "default" pooling, a layer as in `Pooling`, and whether of length 1."""

    pool: Pool
    layer: int | None
    normalize: bool


@dataclass(slots=True)
class Encoding:
    """Read a whole text at once, for the vector that is asked for, or for the labels' log-probabilities."""

    vector: VectorAsk | None
    values: tuple[float, ...] = ()


Work = Generation | Scoring | Pooling | Encoding
