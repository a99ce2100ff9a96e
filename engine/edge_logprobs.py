"""Log-probabilities of choice tries' edges, for all the requests of a step together."""

from collections.abc import Sequence as Seq
from dataclasses import dataclass

import torch

from engine.heads import Head
from engine.sequence import Chunk
from engine.work import EdgeLogprobs, Scoring

LOGITS_ROWS = 128  # how many rows of logits exist at a time


@dataclass(frozen=True, slots=True)
class PlacedEdge:
    """An edge whose node is computed in this step: which request's, its number there, its row and token."""

    request: int
    number: int
    row: int
    token_id: int


def edge_logprobs(chunks: Seq[tuple[Chunk, int]], hidden: torch.Tensor, head: Head) -> list[EdgeLogprobs]:
    """For chunks of scoring requests, each with its first row in `hidden` [num_rows, hidden_size]."""
    edges = [edge for index, (chunk, row) in enumerate(chunks) for edge in _edges(index, chunk, row)]
    by_request: list[dict[int, float]] = [{} for _ in chunks]
    rows = sorted({edge.row for edge in edges})
    for start in range(0, len(rows), LOGITS_ROWS):
        part = rows[start : start + LOGITS_ROWS]
        place = {row: index for index, row in enumerate(part)}
        here = [edge for edge in edges if edge.row in place]
        logits = head.logits(hidden.index_select(0, torch.tensor(part, device=hidden.device)))
        picked = logits[[place[edge.row] for edge in here], [edge.token_id for edge in here]]
        totals = logits.logsumexp(-1)[[place[edge.row] for edge in here]]
        for edge, value in zip(here, (picked - totals).tolist(), strict=True):
            by_request[edge.request][edge.number] = value
    return [EdgeLogprobs(by_edge) for by_edge in by_request]


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
