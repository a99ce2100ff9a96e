"""Figures of summaries against numbers worked by hand, and ROUGE against its package's own tokens."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from producer.evaluation.rouge import rouge
from producer.evaluation.summary_figures import repeated, summary_figures
from producer.evaluation.support import support

SOURCE = (
    "The committee met on 3 May 2024. It granted $1,200 to two schools, and refused the library's request."
)
TEXTS = st.text("abc RUNning 12.", max_size=60)


def test_rouge_is_what_is_worked_by_hand() -> None:
    # Reference: the cat sat on the mat (6 words). Summary: the cat is on a mat (6).
    found = rouge("The cat sat on the mat.", "the cat is on a mat")
    assert found.rouge1 == pytest.approx(4 / 6)  # the, cat, on, mat
    assert found.rouge2 == pytest.approx(1 / 5)  # the cat
    assert found.rouge_l == pytest.approx(4 / 6)  # the cat on mat
    turned = rouge("one two three four", "four three two one")
    assert (turned.rouge1, turned.rouge2, turned.rouge_l) == (1.0, 0.0, 0.25)


@given(TEXTS, TEXTS)
@settings(max_examples=60, deadline=None)
def test_rouge_of_english_is_the_packages_own(reference: str, summary: str) -> None:
    theirs = RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=True).score(reference, summary)
    ours = rouge(reference, summary)
    assert [ours.rouge1, ours.rouge2, ours.rouge_l] == [each.fmeasure for each in theirs.values()]


def test_rouge_reads_other_scripts() -> None:
    assert rouge("Μία γάτα κάθισε", "μία γάτα κάθισε").rouge_l == 1
    assert rouge("日本の首都", "日本語").rouge1 == pytest.approx(2 * (2 / 3 * 2 / 5) / (2 / 3 + 2 / 5))


def test_a_sentence_is_supported_when_its_words_and_numbers_are_in_the_source() -> None:
    found = support("The report says committees granted 1200 to 2 schools. It built 7 bridges.", SOURCE)
    assert found.sentences == 0.5
    assert found.numbers == pytest.approx(2 / 3)
    assert found.unsupported == ("built", "bridges", "7")


def test_a_summary_without_numbers_has_no_share_of_them() -> None:
    assert support("The library was refused.", SOURCE).numbers is None
    assert support("The library was refused.", SOURCE).sentences == 1.0


def test_a_number_alone_makes_a_sentence_unsupported() -> None:
    assert support("The committee met on 4 May 2024.", SOURCE).sentences == 0.0


def test_repetition_is_the_share_of_three_word_runs_said_before() -> None:
    # a b c, b c a, c a b, a b c: one of four has come before.
    assert repeated(["a", "b", "c", "a", "b", "c"]) == 0.25
    assert repeated(["a", "b"]) == 0.0
    assert repeated(["a"] * 12) == pytest.approx(0.9)


def test_a_summarys_figures_are_told_apart_from_those_it_cannot_have() -> None:
    figures, found = summary_figures("The committee met.", "It met.", SOURCE, max_words=2)
    assert (figures.words, figures.over_limit, figures.ends_whole) == (3, True, True)
    assert figures.compression == 3 / 18
    assert found is not None
    assert figures.supported_sentences == 1.0
    figures, found = summary_figures("The committee met", "It met.", None, max_words=None)
    assert (figures.over_limit, figures.ends_whole, found) == (None, False, None)
    assert (figures.compression, figures.supported_sentences, figures.supported_numbers) == (None,) * 3


@pytest.mark.parametrize("nothing", ["", "…", "\x00 \x1b[31m"])
def test_a_summary_of_nothing_has_figures_too(nothing: str) -> None:
    figures, _ = summary_figures(nothing, "It met.", SOURCE, max_words=10)
    assert nothing or figures.supported_sentences is None
    assert (figures.rouge_l, figures.repeated, figures.ends_whole) == (0, 0, False)
