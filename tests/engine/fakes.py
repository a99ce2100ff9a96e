"""Stand-ins that need no model."""

from collections.abc import Callable
from collections.abc import Sequence as Seq

from engine.detokenizer import TextStream
from engine.protocols import Computed
from engine.request import Sampling
from engine.sequence import Chunk, Sequence
from engine.trie import ChoiceTrie
from engine.work import (
    ChunkResult,
    EdgeLogprobs,
    Encoded,
    Encoding,
    Generation,
    HiddenSums,
    Pooling,
    Sampled,
    Scoring,
)


def generation(num_prompt_tokens: int, max_tokens: int, priority: int = 0, first_token: int = 0) -> Sequence:
    """A sequence that generates `max_tokens` tokens; prompts of one `first_token` begin alike."""
    return prompted([first_token] * num_prompt_tokens, max_tokens, priority)


def prompted(prompt: Seq[int], max_tokens: int = 1, priority: int = 0) -> Sequence:
    """A sequence that generates after this prompt."""
    return Sequence(
        list(prompt), Generation(Sampling(max_tokens=max_tokens), frozenset(), seed=0, stream=None), priority
    )


def scoring(prompt: Seq[int], choices: Seq[Seq[int]]) -> Sequence:
    """A sequence that scores choices after this prompt."""
    return Sequence(list(prompt), Scoring(ChoiceTrie.of(choices)))


def pooling(prompt: Seq[int]) -> Sequence:
    """A sequence that pools this prompt."""
    return Sequence(list(prompt), Pooling("mean", None))


def stream(pieces: dict[int, bytes], stop: Seq[str]) -> TextStream:
    """A stream over a tokenizer whose tokens are these bytes."""
    return TextStream(lambda ids: b"".join(pieces[i] for i in ids).decode(errors="replace"), stop)


class FakeRunner:
    """Answers at once with made-up results, after letting `before` look at the chunks and raise."""

    runs_ahead = False

    def __init__(self, before: Callable[[Seq[Chunk]], None] = lambda chunks: None) -> None:
        self._before = before

    def launch(self, chunks: Seq[Chunk]) -> Computed:
        """Token 7, log-probability -1, hidden state [1, 2]."""
        self._before(chunks)
        return Computed([result_of(chunk) for chunk in chunks])


def result_of(chunk: Chunk) -> ChunkResult:
    """What FakeRunner makes up for a chunk."""
    match chunk.sequence.work:
        case Generation():
            return Sampled(7) if chunk.gives_token else None
        case Scoring(trie):
            return EdgeLogprobs(dict.fromkeys(range(len(trie.edges)), -1.0))
        case Pooling():
            return HiddenSums([1.0 * chunk.num_tokens, 2.0 * chunk.num_tokens], [1.0, 2.0])
        case Encoding():
            return Encoded([1.0 * chunk.num_tokens])
