"""Which choice is best, found without scoring those that cannot be (branch and bound).

A sum of log-probabilities only falls as tokens are added: what is known of a choice bounds what it can be.
So nodes are computed in rounds, each round the next node of the choices that may yet be best, until the
first of them is known to its end.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import takewhile
from math import fsum

from engine.trie import ChoiceTrie

# A round takes the leader and those at most this far behind it, in nats: 20 times less likely. The leader
# alone would be the fewest nodes, and one choice more after another; all that may yet be best would be the
# fewest rounds. On support messages of 2 to 25 words and SmolLM2-135M, less their prior, in this order:
#    10 labels,   6 nodes:  1.6, 1.9 and  2.0 nodes in  2.6, 2.1 and 2.1 steps
#    77 labels, 140 nodes: 45.9, 48.9 and 77.4 nodes in 46.9, 7.6 and 5.1 steps
NEAR_NATS = 3.0


@dataclass(frozen=True, slots=True)
class Contender:
    """A choice, the most that its value may be, and the node to compute next; None if that is its value."""

    choice: int
    bound: float
    next_node: int | None


@dataclass(frozen=True, slots=True)
class BestChoiceSearch:
    """The search for the choice whose log-probability plus bias is greatest; of equals, the first."""

    trie: ChoiceTrie
    bias: tuple[float, ...]

    def wanted_nodes(self, edge_logprobs: Mapping[int, float]) -> list[int]:
        """The nodes of the next round, none if the best choice is known, or nothing at all is."""
        ranking = self._ranking(edge_logprobs)
        least = ranking[0].bound - NEAR_NATS
        rivals = takewhile(lambda rival: rival.bound >= least and rival.next_node is not None, ranking)
        nodes = dict.fromkeys(rival.next_node for rival in rivals)
        return [node for node in nodes if node]  # node 0 comes with the prompt

    def best(self, edge_logprobs: Mapping[int, float]) -> int:
        """The best choice, when no more nodes are wanted."""
        leader = self._ranking(edge_logprobs)[0]
        assert leader.next_node is None, "the best choice is not known yet"
        return leader.choice

    def _ranking(self, edge_logprobs: Mapping[int, float]) -> list[Contender]:
        contenders = [self._contender(choice, edge_logprobs) for choice in range(len(self.bias))]
        return sorted(contenders, key=lambda contender: -contender.bound)

    def _contender(self, choice: int, edge_logprobs: Mapping[int, float]) -> Contender:
        path = self.trie.choices[choice]
        known = [edge_logprobs[edge] for edge in takewhile(edge_logprobs.__contains__, path)]
        next_node = self.trie.edges[path[len(known)]].node if len(known) < len(path) else None
        # Rounded once, so that no rounding lifts a sum above its bound.
        return Contender(choice, fsum(known) + self.bias[choice], next_node)
