"""Documents are cut without losing a word, and summaries keep to whole sentences and their limit."""

from hypothesis import given
from hypothesis import strategies as st

from worker.sections import split_sections
from worker.summary_text import tidy_summary

WORDS = st.lists(st.sampled_from(["rain", "tea", "a", "storm.", "why?", "well", "\n\n"]), max_size=300)


def _count(text: str) -> int:
    return len(text.split())


@given(WORDS, st.integers(min_value=2, max_value=40))
def test_sections_hold_all_words_in_order_and_none_is_above_the_limit(words: list[str], limit: int) -> None:
    text = " ".join(words)
    sections = split_sections(text, limit, _count)
    assert " ".join(sections).split() == text.split()
    assert all(0 < _count(section) <= limit for section in sections)


def test_a_text_without_any_border_is_still_cut() -> None:
    sections = split_sections("x" * 1000, 100, len)
    assert "".join(sections) == "x" * 1000
    assert max(map(len, sections)) <= 100


@given(st.text(max_size=400), st.integers(min_value=1, max_value=30))
def test_a_summary_never_has_more_words_than_asked_for(text: str, max_words: int) -> None:
    assert len(tidy_summary(text, max_words).split()) <= max_words


def test_a_summary_ends_with_a_whole_sentence_and_says_nothing_twice() -> None:
    text = "The lift works. The lift works! It was paid for by the town. It will be open unt"
    assert tidy_summary(text, 50) == "The lift works. It was paid for by the town."


def test_list_numbers_are_no_sentences_and_closing_numbers_stay() -> None:
    text = "The points are: 1. The board met. 2. It saw measures 4 and 6. It ended."
    assert tidy_summary(text, 50) == "The points are: The board met. It saw measures 4 and 6. It ended."


def test_one_endless_sentence_is_cut_and_says_so() -> None:
    assert tidy_summary("one two three, four five", 3) == "one two three…"
