"""Log-probabilities of choice tries' edges, for all the requests of a step together."""

from collections.abc import Sequence as Seq
from dataclasses import dataclass

import torch

from engine.heads import Head
from engine.sequence import Chunk
from engine.upload import upload
from engine.work import EdgeLogprobs, Scoring

LOGITS_ROWS = 128  # how many rows of logits exist at a time


@dataclass(frozen=True, slots=True)
class PlacedEdge:
    """An edge whose node is computed in this step: which request's, its number there, its row and token."""

    request: int
    number: int
    row: int
    token_id: int


@dataclass(frozen=True, slots=True)
class ScoredEdges:
    """Edges of so many requests, and on the device their log-probabilities: `packed`, [edges] float64."""

    num_requests: int
    edges: list[PlacedEdge]
    packed: torch.Tensor

    def unpack(self, host_copy: torch.Tensor) -> list[EdgeLogprobs]:
        """By request, from a copy of `packed`."""
        by_request: list[dict[int, float]] = [{} for _ in range(self.num_requests)]
        for edge, value in zip(self.edges, host_copy.tolist(), strict=True):
            by_request[edge.request][edge.number] = value
        return [EdgeLogprobs(by_edge) for by_edge in by_request]


def edge_logprobs(chunks: Seq[tuple[Chunk, int]], hidden: torch.Tensor, head: Head) -> ScoredEdges:
    """For chunks of scoring requests, each with its first row in `hidden` [num_rows, hidden_size].

    Nothing is waited for.
    """
    edges = [edge for index, (chunk, row) in enumerate(chunks) for edge in _edges(index, chunk, row)]
    rows = sorted({edge.row for edge in edges})
    scored: list[PlacedEdge] = []
    values = [hidden.new_empty(0, dtype=torch.float64)]
    for start in range(0, len(rows), LOGITS_ROWS):
        part = rows[start : start + LOGITS_ROWS]
        place = {row: index for index, row in enumerate(part)}
        here = [edge for edge in edges if edge.row in place]
        logits = head.logits(hidden.index_select(0, upload(part, torch.int64, hidden.device)))
        places = upload([place[edge.row] for edge in here], torch.int64, hidden.device)
        token_ids = upload([edge.token_id for edge in here], torch.int64, hidden.device)
        values.append((logits[places, token_ids] - logits.logsumexp(-1)[places]).double())
        scored += here
    return ScoredEdges(len(chunks), scored, torch.cat(values))


def _edges(request: int, chunk: Chunk, first_row: int) -> list[PlacedEdge]:
    """Those whose node is in the chunk; node 0 is the prompt's last token."""
    work = chunk.sequence.work
    assert isinstance(work, Scoring)
    root = chunk.sequence.num_prompt_tokens - 1
    start = max(chunk.start, root)
    nodes = [0, *work.nodes][start - root : max(chunk.end - root, 0)]
    return [
        PlacedEdge(request, number, first_row + index - chunk.start, work.trie.edges[number].token_id)
        for index, node in enumerate(nodes, start)
        for number in work.trie.edges_after[node]
    ]
