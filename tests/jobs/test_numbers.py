"""A number is the same number however it is written, and no other."""

import pytest

from jobs.numbers import numbers, numbers_said, unknown_numbers


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It cost $1,234.50, or 20%.", ["1234.5", "20"]),
        ("On 04/23/2026, 3.0 of 10", ["4", "23", "2026", "3", "10"]),
        ("1,234,567 and 1,23", ["1234567", "1,23"]),
        ("version 1.2.30, v100", ["1.2.30", "100"]),
        ("\u0661\u0665", ["15"]),
        ("none", []),
    ],
)
def test_numbers_compare_however_they_are_written(text: str, found: list[str]) -> None:
    assert numbers(text) == found


def test_numbers_are_also_said_as_words() -> None:
    assert numbers_said("Twelve of 40 men, none alone") == {"12", "40"}
    assert {"25", "300", "3"} <= numbers_said("Twenty-five, three hundred, and the third")


@pytest.mark.parametrize(
    ("said", "source"),
    [
        ("The 3rd of 1000", "the third of 1,000"),
        ("240.000 Euro", "240,000 euros"),
        ("1,5 Grad", "1.5 degrees"),
        ("25 ships", "twenty-five ships"),
        ("1.5 million", "1,500,000 people"),
        ("1,500,000", "1.5 million people"),
        ("2.0M", "2 million"),
        ("9 November", "2026-11-09"),
    ],
)
def test_a_number_that_the_source_writes_in_another_way_is_known(said: str, source: str) -> None:
    assert unknown_numbers(said, numbers_said(source)) == []


def test_a_number_that_the_source_does_not_have_is_unknown() -> None:
    known = numbers_said("On 19 November, 15 bugs cost twenty euros and 5.50, or 1,500 in all, one or two.")
    said = "9 November, 150 bugs, 5.55, 25, 1,500 million, 3."
    assert unknown_numbers(said, known) == ["9", "150", "5.55", "25", "3"]
