"""Which rows of an input are taken."""

from pathlib import Path

import pytest

from producer.errors import UserError
from producer.inputs import input_rows, selection


def _ids(source: Path, sampled: int | None, sample_seed: int | None) -> list[str]:
    rows = input_rows(
        str(source), text_field=None, id_field=None, first=None, sampled=sampled, sample_seed=sample_seed
    )
    return [row.id for row in rows]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "t.csv"
    path.write_text("id,text\n" + "".join(f"r{n},t\n" for n in range(100)))
    return path


def test_a_sample_depends_on_its_seed_alone(table: Path) -> None:
    assert _ids(table, 5, 1) == _ids(table, 5, 1) != _ids(table, 5, 2)
    assert _ids(table, 5, None) == _ids(table, 5, 0)


def test_a_seed_without_a_sample_is_refused_with_the_remedy(table: Path) -> None:
    with pytest.raises(UserError, match="--sample-seed 3 belongs to --sample N: give both"):
        _ids(table, None, 3)


def test_what_is_taken_of_an_input_is_told_in_the_words_of_its_options() -> None:
    assert selection(None, None, None, None, None) == ""
    assert selection("body", "no", 4, None, None) == "--text-field body --id-field no --limit 4"
    assert selection(None, None, None, 9, None) == selection(None, None, None, 9, 0)
    assert selection(None, None, None, 9, 1) == "--sample 9 --sample-seed 1"
