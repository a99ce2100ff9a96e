"""One step on the device: chunks of sequences in, tokens, log-probabilities and hidden states out."""

from collections.abc import Sequence as Seq

from engine.lane_pass import LanePass
from engine.lanes import Lanes, LayerProgress
from engine.partition import Part, partition
from engine.protocols import Computed
from engine.sequence import Chunk
from engine.work import ChunkResult, merge


class ModelRunner:
    """Runs steps, each in as many lanes as it is worth. Not for several threads at a time."""

    runs_ahead = False

    def __init__(self, lane_pass: LanePass, lanes: Lanes, block_tokens: int) -> None:
        self._lane_pass = lane_pass
        self._lanes = lanes
        self._block_tokens = block_tokens

    def launch(self, chunks: Seq[Chunk]) -> Computed:
        """Compute the chunks."""
        num_lanes = self._lanes.count(sum(chunk.num_tokens for chunk in chunks))
        parts = partition(chunks, num_lanes, self._block_tokens)
        progress = LayerProgress(len(parts))

        def run_lane(part: Part) -> list[ChunkResult]:
            try:
                return self._lane_pass.run(part, progress)
            finally:
                progress.ended(part.lane)

        results: list[ChunkResult] = [None] * len(chunks)
        for part, part_results in zip(parts, self._lanes.run(run_lane, parts), strict=True):
            for piece, result in zip(part.pieces, part_results, strict=True):
                results[piece.index] = merge(results[piece.index], result)
        return Computed(results)
