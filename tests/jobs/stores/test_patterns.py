"""A `*` in an address stands for a part of a name, `**` for folders, too."""

import re
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jobs.readers import InputError, read_rows
from jobs.stores import ObjectMissing
from jobs.stores.patterns import pattern_regex
from jobs.stores.source import list_source
from tests.servers import BUCKET, S3Server

NAMES = ("docs/a.pdf", "docs/b.txt", "docs/old/c.pdf", "docs/old/d/e.pdf", "docs-2/f.pdf")
MATCHES = [
    ("docs/*.pdf", ["docs/a.pdf"]),
    ("docs/**/*.pdf", ["docs/a.pdf", "docs/old/c.pdf", "docs/old/d/e.pdf"]),
    ("docs/o*/*.pdf", ["docs/old/c.pdf"]),
    ("docs/**", ["docs/a.pdf", "docs/b.txt", "docs/old/c.pdf", "docs/old/d/e.pdf"]),
    ("d*/?.pdf", []),
    ("*/f.pdf", ["docs-2/f.pdf"]),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in NAMES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


@pytest.mark.parametrize(("pattern", "names"), MATCHES)
def test_local_files_that_match(folder: Path, pattern: str, names: list[str]) -> None:
    if not names:
        with pytest.raises(ObjectMissing, match="nothing matches"):
            list(list_source(f"{folder}/{pattern}"))
        return
    assert [ref.uri for ref in list_source(f"{folder}/{pattern}")] == [f"{folder}/{name}" for name in names]


def test_a_relative_pattern_is_below_the_working_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder / "docs")
    assert [ref.uri for ref in list_source("*.pdf")] == [f"{folder}/docs/a.pdf"]


def test_a_file_of_that_very_name_goes_before(folder: Path) -> None:
    (folder / "docs" / "*.pdf").write_text("itself")
    assert [ref.uri for ref in list_source(f"{folder}/docs/*.pdf")] == [f"{folder}/docs/*.pdf"]


def test_rows_are_named_by_their_paths_below_the_first_star(folder: Path) -> None:
    rows = list(read_rows(f"{folder}/docs/**/*.pdf", text_field=None, id_field=None))
    assert [row.id for row in rows] == ["a.pdf", "old/c.pdf", "old/d/e.pdf"]


def test_a_pattern_that_nothing_matches_is_named_once_with_what_stands_for_others(folder: Path) -> None:
    pattern = f"{folder}/docs/[ab]*.pdf"
    with pytest.raises(InputError, match=r"nothing matches .*; only `\*` stands for others") as refused:
        list(read_rows(pattern, text_field=None, id_field=None))
    assert str(refused.value).count(pattern) == 1


def _plainly(pattern: str) -> re.Pattern[str]:
    """What a pattern means, said without a care for the time it takes."""
    means = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*"}
    pieces = re.split(r"((?<![^/])\*\*/|\*\*|\*)", pattern)
    return re.compile("".join(means.get(piece) or re.escape(piece) for piece in pieces), re.DOTALL)


@settings(max_examples=500, deadline=None)
@given(
    st.lists(st.sampled_from(["a", "b", "/", "*", "*", "**", "/**/"]), max_size=9).map("".join),
    st.text("aab/\n", max_size=12),
)
@example("**/a", "b/a")
@example("*a/**/b*b**/*a", "a/b/ab/bb/a")
def test_a_pattern_matches_what_it_says_and_nothing_else(pattern: str, name: str) -> None:
    found = pattern_regex(f"/x/*{pattern}").fullmatch(f"/x/{name}")
    assert bool(found) is bool(_plainly(f"*{pattern}").fullmatch(name))


@pytest.mark.timeout(60)
@pytest.mark.parametrize("piece", ["*a", "**a", "**/a", "*a**a", "a*/**/"])
def test_a_pattern_of_many_stars_is_soon_done_with_a_long_name(piece: str) -> None:
    names = ["a" * 900, "a/" * 450, "aa/" * 300]
    regex = pattern_regex(f"/x/{piece * 30}*b")
    assert not any(regex.fullmatch(f"/x/{name}") for name in names)


@pytest.mark.integration
def test_objects_that_match(s3_endpoint: S3Server) -> None:
    prefix = f"patterns/{uuid4().hex}"
    store, root = s3_endpoint.store(prefix), f"s3://{BUCKET}/{prefix}"
    for name in NAMES:
        store.put(name, b"x")
    for pattern, names in MATCHES:
        if names:
            found = [ref.uri for ref in list_source(f"{root}/{pattern}", s3_endpoint.access)]
            assert found == [f"{root}/{name}" for name in names]
