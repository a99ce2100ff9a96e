"""What the text doesn't bear out is left out, unless nothing would be left."""

import pytest

from jobs.styles import Form
from worker.summaries.support import has_unsupported_numbers, with_known_numbers, with_known_words

SOURCE = (
    "Order 4711 was cancelled on the 19th of November, and the two customers are to have 15.50 back. The "
    "lift is out of order, as it was in the spring."
)
TRUE = "Order 4711 was cancelled on 19 November."
MADE_UP = "It was cancelled again on 9 November."


def test_sentences_of_strange_words_are_left_out_unless_all_are() -> None:
    strange = "It also covers relevant points concisely."
    assert with_known_words(f"{TRUE} {strange}", SOURCE) == TRUE
    assert with_known_words(strange, SOURCE) == strange


@pytest.mark.parametrize(
    ("summary", "form", "left"),
    [
        (f"{TRUE} {MADE_UP}", Form.SENTENCES, TRUE),
        (f"{TRUE} 2 customers get 15.5.", Form.SENTENCES, f"{TRUE} 2 customers get 15.5."),
        (MADE_UP, Form.SENTENCES, MADE_UP),
        ("Paid:\n- 5.55 back\nOpen:\n- The lift", Form.LINES, "Open:\n- The lift"),
        ("Open:\n- The lift\nPaid:\n- 5.55 back", Form.LINES, "Open:\n- The lift"),
        ("Paid:\n- 5.55 back", Form.LINES, "Paid:\n- 5.55 back"),
        ("Order 4712 cancelled", Form.HEADLINE, "Order 4712 cancelled"),
    ],
)
def test_what_has_strange_numbers_is_left_out_unless_all_has(summary: str, form: Form, left: str) -> None:
    assert with_known_numbers(summary, form, SOURCE, "") == left


def test_a_summary_has_strange_numbers_only_if_neither_the_text_nor_the_question_has_them() -> None:
    assert not has_unsupported_numbers(TRUE, SOURCE, "")
    assert has_unsupported_numbers(MADE_UP, SOURCE, "")
    assert not has_unsupported_numbers(MADE_UP, SOURCE, "And on the 9th?")


def test_numbers_of_the_question_are_known() -> None:
    both = f"{TRUE} {MADE_UP}"
    assert with_known_numbers(both, Form.SENTENCES, SOURCE, "And on the 9th?") == both


def test_a_small_number_that_another_language_spells_is_not_taken_for_strange() -> None:
    german = "Der Aufzug steht seit dem Fr\u00fchjahr still, und drei Kunden bekommen 15,50 Euro zur\u00fcck."
    assert not has_unsupported_numbers("3 Kunden bekommen 15,5 Euro.", german, "")
    assert has_unsupported_numbers("30 Kunden bekommen 15,5 Euro.", german, "")
