"""A trie computes each shared beginning once and still adds up to every choice."""

from hypothesis import given
from hypothesis import strategies as st

from engine.trie import ChoiceTrie

choice_lists = st.lists(
    st.lists(st.integers(0, 3), min_size=1, max_size=6).map(tuple), min_size=1, unique=True
)


@given(choice_lists)
def test_the_edges_of_a_choice_spell_its_tokens(choices: list[tuple[int, ...]]) -> None:
    trie = ChoiceTrie.of(choices)
    spelled = [tuple(trie.edges[edge].token_id for edge in path) for path in trie.choices]
    assert spelled == choices


@given(choice_lists)
def test_a_node_comes_after_those_above_it(choices: list[tuple[int, ...]]) -> None:
    trie = ChoiceTrie.of(choices)
    depths = [0, *trie.depths]
    for node, parent in enumerate(trie.parents, start=1):
        assert parent < node
        assert depths[node] == depths[parent] + 1


def test_only_tokens_that_something_follows_are_nodes() -> None:
    trie = ChoiceTrie.of([(1, 2, 3), (1, 2), (1, 4), (5,)])
    assert trie.token_ids == (1, 2)
    assert len(trie.edges) == 5
    assert trie.max_depth == 3


def test_a_trie_of_very_long_choices_takes_no_longer_than_their_tokens() -> None:
    # In proportion to the square of the length this would take hours.
    trie = ChoiceTrie.of([range(200_000), range(1, 100_000)])
    assert len(trie.nodes) == 199_999 + 99_998
    assert trie.max_depth == 200_000


@given(choice_lists)
def test_each_edge_is_found_at_its_node(choices: list[tuple[int, ...]]) -> None:
    trie = ChoiceTrie.of(choices)
    found = [(node, edge) for node, edges in enumerate(trie.edges_after) for edge in edges]
    assert sorted(found, key=lambda pair: pair[1]) == [(e.node, i) for i, e in enumerate(trie.edges)]
    assert len(trie.edges_after) == 1 + len(trie.nodes)
