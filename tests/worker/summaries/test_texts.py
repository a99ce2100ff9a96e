"""Documents are cut without losing a word, and summaries keep to whole sentences and their limit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.styles import Form
from worker.summaries.sections import sentences, split_sections
from worker.summaries.tidy import is_cut, tidy
from worker.summaries.words import count_words

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


@given(st.text(max_size=400), st.sampled_from(Form), st.integers(min_value=1, max_value=30), st.booleans())
def test_a_summary_never_has_more_words_than_asked_for(
    text: str, form: Form, max_words: int, ended: bool
) -> None:
    summary = tidy(text, form, max_words, ended)
    assert len(summary.split()) <= max_words
    assert count_words(summary) <= max_words


def test_a_summary_ends_with_a_whole_sentence_and_says_nothing_twice() -> None:
    text = "The lift works. The lift works! It was paid for by the town. It will be open unt"
    assert tidy(text, Form.SENTENCES, 50) == "The lift works. It was paid for by the town."


def test_list_marks_are_no_sentences_and_closing_numbers_stay() -> None:
    text = "The points are: 1. The board met. - It saw measures 4 and 6. It ended."
    expected = "The points are: The board met. It saw measures 4 and 6. It ended."
    assert tidy(text, Form.SENTENCES, 50) == expected


@pytest.mark.parametrize(
    "sentence",
    [
        "The Senate adopted S.Con.Res. 33 in the U.S. capital.",
        "H.R. 1 was signed by J. Smith of St. Paul.",
        'Mr. Smith said: "No. 5 is out."',
    ],
)
def test_an_abbreviation_ends_no_sentence(sentence: str) -> None:
    assert sentences(f"{sentence} More follows.") == [sentence, "More follows."]


def test_what_is_cut_off_behind_an_abbreviation_is_not_whole() -> None:
    text = "The bill passed. It was introduced in the U.S."
    assert tidy(text, Form.SENTENCES, 50, ended=False) == "The bill passed."
    assert tidy(text, Form.SENTENCES, 50, ended=True) == text


def test_sentences_without_blanks_are_told_apart_and_their_characters_counted() -> None:
    text = "\u4eca\u65e5\u306f\u6674\u308c\u3002\u660e\u65e5\u306f\u96e8\u3002"
    assert sentences(text) == [text[:6], text[6:]]
    assert tidy(text, Form.SENTENCES, 8) == text[:6]


def test_one_endless_sentence_is_cut_and_says_so() -> None:
    summary = tidy("one two three, four five", Form.SENTENCES, 3)
    assert summary == "one two three\u2026"
    assert is_cut(summary)


def test_bullets_are_whole_lines_each_once_and_the_last_one_cut_off_is_left_out() -> None:
    answer = "**Decided:**\n* The lift is repaired\n2. The lift is repaired\n\n- The town pays\n- It will be"
    expected = "Decided:\n- The lift is repaired\n- The town pays"
    assert tidy(answer, Form.LINES, 50, ended=False) == expected
    assert tidy(answer, Form.LINES, 7, ended=False) == "Decided:\n- The lift is repaired"


def test_a_headline_is_one_line_without_label_and_full_stop() -> None:
    assert tidy('Headline: **"Lift repaired."**\nThe town paid.', Form.HEADLINE, 9) == "Lift repaired"


@pytest.mark.parametrize("form", [Form.SENTENCES, Form.LINES])
def test_no_blank_stands_before_a_full_stop_and_french_keeps_its_own(form: Form) -> None:
    mark = "- " if form is Form.LINES else ""
    assert tidy("Well , the lift works .", form, 50) == f"{mark}Well, the lift works."
    assert tidy("Il pleut ! Pourquoi ?", form, 50) == f"{mark}Il pleut ! Pourquoi ?"
    assert tidy("Use the .NET name .", form, 50) == f"{mark}Use the .NET name."


def test_numbers_behind_a_dash_are_list_marks_and_a_point_of_nothing_else_is_none() -> None:
    answer = (
        "- 1. The lift is repaired\n- 2) The town pays\n- 3.\n- 3.5 % are saved\n- -5 degrees were no harm"
    )
    expected = "- The lift is repaired\n- The town pays\n- 3.5 % are saved\n- -5 degrees were no harm"
    assert tidy(answer, Form.LINES, 50) == expected
    assert tidy("- 1. The lift works. - 2. It is new.", Form.SENTENCES, 50) == "The lift works. It is new."


def test_a_point_that_adds_a_word_or_two_to_an_earlier_one_is_left_out() -> None:
    first = "- The town pays for the repaired lift"
    assert tidy(f"{first}\n{first} in full", Form.LINES, 50) == first
    longer = f"{first} from what the council has set aside for bridges"
    assert tidy(f"{first}\n{longer}", Form.LINES, 50) == f"{first}\n{longer}"
