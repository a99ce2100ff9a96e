"""What nobody sees goes; what a reader sees stays."""

import pytest

from jobs.documents.cleanup import clean, join_hyphenated


@pytest.mark.parametrize(
    ("dirty", "cleaned"),
    [
        ("a\0b\x08c", "abc"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("hy\u00adphen", "hyphen"),
        ("\ufb01nal e\ufb00ect", "final effect"),
        ("a\u00a0b\u2009c", "a b c"),
        ("many    blanks\tand tabs", "many blanks and tabs"),
        ("end  \nof line", "end\nof line"),
        ("one\r\ntwo\rthree\x0cfour", "one\ntwo\nthree\nfour"),
        ("one\n\n\n \n\ntwo", "one\n\ntwo"),
        ("- list\n    - indented", "- list\n    - indented"),
        ("\ud83d\ude00 and \ud83d", "😀 and \ufffd"),
        ("  \n ", ""),
        ("½ ² Ⅳ é", "½ ² Ⅳ é"),
    ],
)
def test_cleaning(dirty: str, cleaned: str) -> None:
    assert clean(dirty) == cleaned
    assert clean(cleaned) == cleaned


@pytest.mark.parametrize(
    ("divided", "whole"),
    [
        ("exam-\nple", "example"),
        ("größ- \n te", "größte"),
        ("task-oriented and task-\noriented", "task-oriented and task-oriented"),
        ("Task-oriented and task-\noriented", "Task-oriented and task-oriented"),
        ("1990-\n2000", "1990-\n2000"),
        ("a dash -\nhere", "a dash -\nhere"),
        ("Jean-\nPaul", "Jean-\nPaul"),
    ],
)
def test_divided_words(divided: str, whole: str) -> None:
    assert join_hyphenated(divided) == whole


@pytest.mark.timeout(20)
@pytest.mark.parametrize("run", [" ", "\t", "x", "é", "x-", "\n", "\n ", "- "])
def test_a_long_run_of_anything_takes_no_longer_than_it_is_long(run: str) -> None:
    for text in (f"\n{run * 300_000}|", f"{run * 300_000}-\n"):
        cleaned = clean(join_hyphenated(text))
        assert len(cleaned) <= len(text)
        assert clean(cleaned) == cleaned
