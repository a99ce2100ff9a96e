"""Choices as a token trie, so that a beginning that several choices share is computed once."""

from collections.abc import Sequence
from dataclasses import dataclass


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
    prompt) and `ancestors[i]` (the numbers of the nodes above it, node 0 and itself not included)
    describe node i + 1. `edges_after[node]` are the numbers of its edges, node 0's first. A choice is the
    edges from node 0 to its last token.
    """

    token_ids: tuple[int, ...]
    depths: tuple[int, ...]
    ancestors: tuple[tuple[int, ...], ...]
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
        """The trie of these choices, each one token or more."""
        inner = (tuple(choice[:end]) for choice in choices for end in range(1, len(choice)))
        prefixes = sorted(dict.fromkeys(inner), key=len)
        node_of = {(): 0} | {prefix: node for node, prefix in enumerate(prefixes, start=1)}
        edge_of: dict[Edge, int] = {}
        paths = []
        for choice in choices:
            path = [Edge(node_of[tuple(choice[:end])], choice[end]) for end in range(len(choice))]
            paths.append(tuple(edge_of.setdefault(edge, len(edge_of)) for edge in path))
        return cls(
            token_ids=tuple(prefix[-1] for prefix in prefixes),
            depths=tuple(len(prefix) for prefix in prefixes),
            ancestors=tuple(
                tuple(node_of[prefix[:end]] for end in range(1, len(prefix))) for prefix in prefixes
            ),
            edges=tuple(edge_of),
            edges_after=_by_node(edge_of, len(node_of)),
            choices=tuple(paths),
        )


def _by_node(edge_of: dict[Edge, int], num_nodes: int) -> tuple[tuple[int, ...], ...]:
    numbers: list[list[int]] = [[] for _ in range(num_nodes)]
    for edge, number in edge_of.items():
        numbers[edge.node].append(number)
    return tuple(map(tuple, numbers))
