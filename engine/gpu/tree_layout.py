"""Which nodes of choice tries see which, as the prefill kernel reads it. Imports no torch."""

from collections.abc import Sequence as Seq
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from engine.sequence import Chunk
from engine.trie import KEPT_TRIES, ChoiceTrie
from engine.work import Scoring

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class TreeLayout:
    """What `TreeMasks` says of chunks, but for positions; requests with the same nodes share a table."""

    visible: npt.NDArray[np.int8]  # flat
    offsets: npt.NDArray[np.int64]  # [num_chunks], -1 where a chunk has no nodes apart from a line of them
    starts: npt.NDArray[np.int32]  # [num_chunks]


def lay_out_trees(chunks: Seq[Chunk], window: int | None) -> TreeLayout:
    """For layers that look back over `window` tokens of the text, the own one included (None: over all)."""
    tables: list[npt.NDArray[np.int8]] = []
    offset_of: dict[tuple[object, ...], int] = {}
    offsets, size = [], 0
    for chunk in chunks:
        if chunk.is_causal:
            offsets.append(-1)
            continue
        key = _nodes(chunk)
        if (offset := offset_of.get(key)) is None:
            offset = offset_of[key] = size
            tables.append(_visible(*key, window).astype(np.int8).ravel())
            size += tables[-1].size
        offsets.append(offset)
    starts = np.array([chunk.sequence.num_prompt_tokens for chunk in chunks], np.int32)
    flat = np.concatenate(tables) if tables else np.zeros(0, np.int8)
    return TreeLayout(flat, np.array(offsets, np.int64), starts)


def deepest(chunks: Seq[Chunk]) -> int:
    """How many tokens of text the nodes of the chunks' tries span at most; 0 if there are none."""
    works = [chunk.sequence.work for chunk in chunks if not chunk.is_causal]
    return max((max(work.trie.depths) for work in works if isinstance(work, Scoring)), default=0)


def _nodes(chunk: Chunk) -> tuple[ChoiceTrie, tuple[int, ...], int]:
    """A chunk's trie, the nodes up to its end, and the place of its own first one among them."""
    work, prompt = chunk.sequence.work, chunk.sequence.num_prompt_tokens
    assert isinstance(work, Scoring)
    return work.trie, tuple(work.nodes[: chunk.end - prompt]), max(chunk.start - prompt, 0)


def _visible(trie: ChoiceTrie, nodes: tuple[int, ...], first_own: int, window: int | None) -> Bools:
    """[own nodes, nodes]: a node sees itself and those above it."""
    numbers = np.array(nodes) - 1
    own = numbers[first_own:]
    seen: Bools = _lineage(trie)[own[:, None], numbers]
    if window is not None:
        depths = np.array(trie.depths)
        seen = seen & (depths[numbers] > depths[own][:, None] - window)
    return seen


@lru_cache(maxsize=KEPT_TRIES)
def _lineage(trie: ChoiceTrie) -> Bools:
    """Row i has node i + 1 and the nodes above it: [nodes, nodes]."""
    seen = np.eye(len(trie.token_ids), dtype=np.bool_)
    for row, parent in enumerate(trie.parents):
        if parent:
            seen[row] |= seen[parent - 1]
    return seen
