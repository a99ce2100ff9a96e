"""Limits, samples and unique ids, over many rows."""

from collections import Counter
from collections.abc import Iterator

import pytest

from jobs.readers import InputError, InputRow, UniqueIds, limit, sample


def rows(count: int) -> Iterator[InputRow]:
    return (InputRow(str(number), f"a.csv:{number + 2}", "text") for number in range(count))


def test_a_limit_is_the_first_rows_and_reads_no_further() -> None:
    source = rows(10)
    assert [row.id for row in limit(source, 3)] == ["0", "1", "2"]
    assert next(source).id == "3"


def test_a_limit_above_the_number_of_rows_is_all_of_them() -> None:
    assert len(list(limit(rows(2), 5))) == 2


def test_a_sample_is_in_the_inputs_order_without_repeats_and_the_same_for_a_seed() -> None:
    ids = [int(row.id) for row in sample(rows(1000), 50, seed=7)]
    assert len(set(ids)) == 50
    assert ids == sorted(ids)
    assert ids == [int(row.id) for row in sample(rows(1000), 50, seed=7)]
    assert ids != [int(row.id) for row in sample(rows(1000), 50, seed=8)]


def test_a_sample_larger_than_the_input_is_all_of_it() -> None:
    assert [row.id for row in sample(rows(3), 50, seed=0)] == ["0", "1", "2"]


def test_every_row_has_the_same_chance() -> None:
    drawn = Counter(int(row.id) // 2 for seed in range(2000) for row in sample(rows(10), 3, seed))
    assert all(1100 < drawn[pair] < 1300 for pair in range(5))  # expected: 1200 each, deviation 29


@pytest.mark.parametrize("distance", [1, 999, 1000, 1001, 2500])
def test_an_id_that_comes_twice_is_refused_with_both_places(distance: int) -> None:
    doubled = [*rows(distance), InputRow("0", f"a.csv:{distance + 2}", "again"), *rows(0)]
    with (
        UniqueIds() as unique,
        pytest.raises(InputError, match=r"a\.csv:2 already; make ids unique") as caught,
    ):
        list(unique.checked(doubled))
    assert caught.value.where == f"a.csv:{distance + 2}"


def test_unique_rows_pass_unchanged_and_in_order() -> None:
    with UniqueIds() as unique:
        assert list(unique.checked(rows(2500))) == list(rows(2500))


def test_ids_that_differ_in_anything_are_different() -> None:
    different = ["a", "A", "a ", "1", "01", "1.0", "é", "e\u0301", "a\0b", "a\0c"]
    with UniqueIds() as unique:
        assert len(list(unique.checked(InputRow(each, "x") for each in different))) == len(different)
