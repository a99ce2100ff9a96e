"""Which addresses are understood, and what is said about the others."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.stores import InvalidKey
from jobs.stores.locations import S3Location, parse_location


@pytest.mark.parametrize(
    ("uri", "location"),
    [
        ("s3://bucket", S3Location("bucket", "")),
        ("s3://bucket/", S3Location("bucket", "")),
        ("s3://bucket/a/b", S3Location("bucket", "a/b")),
        ("s3://bucket/a/b/", S3Location("bucket", "a/b/")),
        ("s3://bucket/a b?c#d%20.csv", S3Location("bucket", "a b?c#d%20.csv")),
        ("results", Path("results")),
        ("/srv/results", Path("/srv/results")),
        ("file:///srv/a%20b", Path("/srv/a b")),
    ],
)
def test_an_address_is_a_bucket_with_a_prefix_or_a_folder(uri: str, location: S3Location | Path) -> None:
    assert parse_location(uri) == location


@pytest.mark.parametrize(
    "uri",
    ["", "gs://bucket", "https://host/bucket", "s3://", "s3://Bu_cket/a", "s3://b/../c", "a\0b", "file://[x"],
)
def test_any_other_address_is_refused(uri: str) -> None:
    with pytest.raises(InvalidKey, match=r"allowed are"):
        parse_location(uri)


@given(st.sampled_from(["", "s3://", "s3://bucket/", "file://", "file:///"]), st.text())
def test_any_text_is_an_address_or_refused_as_none(start: str, text: str) -> None:
    with suppress(InvalidKey):
        assert parse_location(start + text)


def test_an_address_with_credentials_is_refused_without_repeating_them() -> None:
    with pytest.raises(InvalidKey) as caught:
        parse_location("s3://key:secret@bucket/prefix")
    assert "secret@" not in str(caught.value)
    assert "key:" not in str(caught.value)
