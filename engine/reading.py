"""What each chunk of a pass is after, read off the hidden states: a part on the device and one on the host.

Nothing that is done on the device waits for it. What it gives leaves it in one copy, whenever that is made.
"""

from collections.abc import Sequence as Seq
from dataclasses import dataclass
from typing import Protocol

import torch

from engine.edge_logprobs import edge_logprobs
from engine.heads import Head
from engine.hidden_sums import hidden_sums
from engine.layer_tap import LayerTap
from engine.rows import PlacedChunk
from engine.sampler import Samples, sample
from engine.sequence import Chunk
from engine.upload import upload
from engine.work import ChunkResult, Pooling, Scoring


class Readout(Protocol):
    """Numbers on the device, and what they mean."""

    @property
    def packed(self) -> torch.Tensor:
        """[num_values] float64"""

    def unpack(self, host_copy: torch.Tensor) -> Seq[ChunkResult]:
        """The results, from a copy of `packed` in the host's memory."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a pass gives: `packed`, [num_values] float64 on the device, and its meaning.

    `samples` holds the tokens' ids on the device as well, for a step that starts before the host knows them.
    """

    packed: torch.Tensor
    samples: Samples | None
    _num_chunks: int
    _readouts: list[tuple[list[PlacedChunk], Readout]]

    def unpack(self, host_copy: torch.Tensor) -> list[ChunkResult]:
        """In the order in which the chunks were given, None where one yields nothing yet."""
        results: list[ChunkResult] = [None] * self._num_chunks
        parts = host_copy.split_with_sizes([len(readout.packed) for _, readout in self._readouts])
        for (items, readout), part in zip(self._readouts, parts, strict=True):
            for item, result in zip(items, readout.unpack(part), strict=True):
                results[item.index] = result
        return results


def make_tap(chunks: Seq[Chunk]) -> LayerTap:
    """What keeps the layers that are pooled, and ends the pass where nothing deeper is asked for."""
    works = [chunk.sequence.work for chunk in chunks]
    layers = [work.layer for work in works if isinstance(work, Pooling)]
    tapped = {layer for layer in layers if layer is not None}
    return LayerTap(tapped, whole=len(layers) < len(works) or None in layers)


def read(placed: list[PlacedChunk], tap: LayerTap, hidden: torch.Tensor | None, head: Head) -> Reading:
    """Read `hidden` [num_rows, hidden_size] after the final norm, or None if the tap ended the pass."""
    pooled = [item for item in placed if isinstance(item.chunk.sequence.work, Pooling)]
    scored = [item for item in placed if isinstance(item.chunk.sequence.work, Scoring)]
    ready = [item for item in placed if item.chunk.gives_token]
    readouts: list[tuple[list[PlacedChunk], Readout]] = []
    samples = None
    if pooled:
        readouts.append((pooled, hidden_sums([_states(item, tap, hidden) for item in pooled])))
    if scored:
        assert hidden is not None
        firsts = [(item.chunk, item.first_row) for item in scored]
        readouts.append((scored, edge_logprobs(firsts, hidden, head)))
    if ready:
        assert hidden is not None
        samples = _samples(ready, hidden, head)
        readouts.append((ready, samples))
    parts = [readout.packed for _, readout in readouts]
    packed = torch.cat(parts) if parts else torch.empty(0, dtype=torch.float64)
    return Reading(packed, samples, len(placed), readouts)


def read_samples(placed: list[PlacedChunk], samples: Samples) -> Reading:
    """What a pass gives whose every chunk gives a token, in the order of its rows."""
    return Reading(samples.packed, samples, len(placed), [(placed, samples)])


def _states(item: PlacedChunk, tap: LayerTap, hidden: torch.Tensor | None) -> torch.Tensor:
    work = item.chunk.sequence.work
    assert isinstance(work, Pooling)
    states = hidden if work.layer is None else tap.kept[work.layer]
    assert states is not None
    return states[item.rows]


def _samples(ready: list[PlacedChunk], hidden: torch.Tensor, head: Head) -> Samples:
    rows = upload([item.rows.stop - 1 for item in ready], torch.int64, hidden.device)
    return sample(head.logits(hidden.index_select(0, rows)), [item.chunk for item in ready])
