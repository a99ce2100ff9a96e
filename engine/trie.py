"""Choices as a token trie, so that a beginning that several choices share is computed once."""

from collections.abc import Sequence
from dataclasses import dataclass

KEPT_TRIES = 8  # in a cache: those of the jobs that run side by side


@dataclass(frozen=True, slots=True)
class Edge:
    """A token after a node; its log-probability comes from that node's logits."""

    node: int
    token_id: int


# Compared by identity: a trie is made once for many requests, and is the key of what is made once for it.
@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class ChoiceTrie:
    """The token trie of some choices.

    Node 0 is the prompt's last token. The others are the tokens that some choice continues after; only
    they need computing, parents before children. `token_ids[i]`, `depths[i]` (1 = directly after the
    prompt) and `parents[i]` (the number of the node that it comes after) describe node i + 1.
    `edges_after[node]` are the numbers of its edges, node 0's first. A choice is the edges from node 0 to
    its last token.
    """

    token_ids: tuple[int, ...]
    depths: tuple[int, ...]
    parents: tuple[int, ...]
    edges: tuple[Edge, ...]
    edges_after: tuple[tuple[int, ...], ...]
    choices: tuple[tuple[int, ...], ...]

    @property
    def max_depth(self) -> int:
        """The length in tokens of the longest choice."""
        return max(len(choice) for choice in self.choices)

    @property
    def nodes(self) -> range:
        """All nodes but the prompt's."""
        return range(1, len(self.token_ids) + 1)

    @classmethod
    def of(cls, choices: Sequence[Sequence[int]]) -> "ChoiceTrie":
        """The trie of these choices, each one token or more; takes time in proportion to their tokens."""
        paths, node_of = _paths(choices)
        edge_of: dict[Edge, int] = {}
        numbers = [tuple(edge_of.setdefault(edge, len(edge_of)) for edge in path) for path in paths]
        depths = [0]
        for edge in node_of:
            depths.append(depths[edge.node] + 1)
        return cls(
            token_ids=tuple(edge.token_id for edge in node_of),
            depths=tuple(depths[1:]),
            parents=tuple(edge.node for edge in node_of),
            edges=tuple(edge_of),
            edges_after=_by_node(edge_of, 1 + len(node_of)),
            choices=tuple(numbers),
        )


def _paths(choices: Sequence[Sequence[int]]) -> tuple[list[list[Edge]], dict[Edge, int]]:
    """Each choice as edges, and the nodes with the edge that leads to each, level by level."""
    paths = [[Edge(0, choice[0])] for choice in choices]
    node_of: dict[Edge, int] = {}
    depth, longer = 0, list(zip(choices, paths, strict=True))
    while longer := [(choice, path) for choice, path in longer if len(choice) > depth + 1]:
        depth += 1
        for choice, path in longer:
            node = node_of.setdefault(path[-1], len(node_of) + 1)
            path.append(Edge(node, choice[depth]))
    return paths, node_of


def _by_node(edge_of: dict[Edge, int], num_nodes: int) -> tuple[tuple[int, ...], ...]:
    numbers: list[list[int]] = [[] for _ in range(num_nodes)]
    for edge, number in edge_of.items():
        numbers[edge.node].append(number)
    return tuple(map(tuple, numbers))
