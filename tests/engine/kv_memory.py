"""KV memory that remembers what was written: the test of who may read which block."""

from collections.abc import Iterable
from collections.abc import Sequence as Seq

from engine.partition import Part, copied_to, partition
from engine.protocols import Computed
from engine.sequence import Chunk, Sequence
from engine.work import Scoring
from tests.engine.fakes import result_of


def token_at(index: int) -> int:
    """What is generated there, whatever comes before."""
    return 1 + index % 3


class Texts:
    """Gives every text, as its tokens one by one, a number: equal numbers are equal texts."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[int | None, object], int] = {}

    def of(self, sequence: Sequence, end: int) -> list[int]:
        """The numbers of the sequence's beginnings; a node of a choice trie is no text but its own."""
        numbers: list[int] = []
        pending = [token_at(index) for index in range(len(sequence.token_ids), end)]
        token_ids = [*sequence.token_ids, *pending]
        for index in range(end):
            inside = isinstance(sequence.work, Scoring) and index >= sequence.num_prompt_tokens
            what = (id(sequence), index) if inside else token_ids[index]
            key = (numbers[-1] if numbers else None, what)
            numbers.append(self._numbers.setdefault(key, len(self._numbers)))
        return numbers


class KVMemoryRunner:
    """A runner whose KV of a token is the text up to it.

    It runs a step in lanes, and does of the others' work only what a lane waits for: what is read without
    having been waited for is not there. Each token that is attended to must be its own sequence's.
    """

    runs_ahead = False

    def __init__(self, block_tokens: int, num_lanes: int) -> None:
        self.num_computed_tokens = 0
        self._block_tokens = block_tokens
        self._num_lanes = num_lanes
        self._texts = Texts()
        self._memory: dict[int, int] = {}  # the number of a text, by slot
        self._written: list[set[int]] = []  # by launch

    def launch(self, chunks: Seq[Chunk]) -> Computed:
        """Made-up results, after every read has been checked."""
        for chunk in chunks:
            assert chunk.start == chunk.sequence.num_computed_tokens, "computed twice, or never"
            self.num_computed_tokens += chunk.num_tokens
        parts = partition(chunks, min(self._num_lanes, len(chunks)), self._block_tokens)
        before = dict(self._memory)
        for part in parts:
            self._memory = dict(before)
            self._fill(parts, part)
            self._check_reads(part)
        self._memory = before
        self._fill_all(parts)
        self._written.append({slot for chunk in chunks for slot in self._written_by(chunk)})
        return Computed([result_of(chunk) for chunk in chunks])

    def lose(self, num_launches: int) -> None:
        """Let the KV of the last launches never have been written."""
        for slot in set[int]().union(*self._written[-num_launches:]):
            del self._memory[slot]

    def _written_by(self, chunk: Chunk) -> list[int]:
        own = [self._slot(chunk.sequence, index) for index in range(chunk.start, chunk.end)]
        return own + list(copied_to(chunk, self._block_tokens))

    def _fill(self, parts: list[Part], part: Part) -> None:
        """What lies in memory at least when this lane starts to read."""
        filled = [part, *(parts[lane] for lane in part.sources.read)]
        written = filled + [parts[lane] for one in filled for lane in one.sources.copied]
        self._write(_chunks(written))
        self._copy(_chunks(filled))

    def _fill_all(self, parts: list[Part]) -> None:
        self._write(_chunks(parts))
        self._copy(_chunks(parts))

    def _write(self, chunks: Iterable[Chunk]) -> None:
        for chunk in chunks:
            texts = self._texts.of(chunk.sequence, chunk.end)
            for index in range(chunk.start, chunk.end):
                self._memory[self._slot(chunk.sequence, index)] = texts[index]

    def _copy(self, chunks: Iterable[Chunk]) -> None:
        pairs = [
            (source, target)
            for chunk in chunks
            for source, target in zip(chunk.copied_from, copied_to(chunk, self._block_tokens), strict=True)
        ]
        # Read all before writing any, as one operation does.
        read = [(target, self._memory.get(source)) for source, target in pairs]
        for target, text in read:
            assert text is not None, "copied before it was written"
            self._memory[target] = text

    def _check_reads(self, part: Part) -> None:
        for chunk in _chunks([part]):
            slots = [self._slot(chunk.sequence, index) for index in range(chunk.end)]
            texts = self._texts.of(chunk.sequence, chunk.end)
            assert [self._memory.get(slot) for slot in slots] == texts, "another text's KV is read"

    def _slot(self, sequence: Sequence, index: int) -> int:
        return (
            sequence.block_table[index // self._block_tokens] * self._block_tokens
            + index % self._block_tokens
        )


def _chunks(parts: Iterable[Part]) -> list[Chunk]:
    return [piece.chunk for part in parts for piece in part.pieces]
