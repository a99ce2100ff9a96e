"""How texts are taken apart."""

import pytest

from producer.evaluation.words import ends_whole, root, sentences, stems, words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The cats' well-being, 2nd!", ["the", "cats", "well", "being", "2nd"]),
        ("Größe cafe\u0301 σοφία", ["größe", "café", "σοφία"]),
        ("日本 GPU", ["日", "本", "gpu"]),
        ("snake_case", ["snake", "case"]),
        ("", []),
    ],
)
def test_words_are_runs_of_letters_and_digits(text: str, found: list[str]) -> None:
    assert words(text) == found


def test_only_english_words_of_more_than_three_letters_are_stemmed() -> None:
    assert stems("Running dogs was bus größere") == ["run", "dog", "was", "bus", "größere"]


def test_the_forms_of_a_word_have_one_root() -> None:
    assert {root(word) for word in ("use", "used", "using", "uses")} == {"use"}
    assert root("focuses") == root("focus")
    assert root("größere") == "größere"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("One. Two! Three?  4 is last", ["One.", "Two!", "Three?", "4 is last"]),
        ("The U.S. Senate met Dr. Smith. It sat.", ["The U.S. Senate met Dr. Smith.", "It sat."]),
        ("It is 3.5 times e.g. faster. It said so.", ["It is 3.5 times e.g. faster.", "It said so."]),
        ('He said "Go." Then he went.', ['He said "Go.', "Then he went."]),
        ("はい。いいえ。", ["はい。", "いいえ。"]),
        (" \n", []),
    ],
)
def test_sentences_end_where_a_reader_would_end_them(text: str, found: list[str]) -> None:
    assert sentences(text) == found


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("Done.", True),
        ('He said "done."\n', True),
        ("Done (mostly.) ", True),
        ("はい。", True),
        ("and then the", False),
        ("It was cut…", False),
        ("", False),
        ("a list:", False),
    ],
)
def test_a_text_ends_whole_where_its_last_sentence_does(text: str, whole: bool) -> None:
    assert ends_whole(text) is whole
