"""A prefix allows what lies below it, and no neighbour."""

import pytest

from jobs.stores.allowed import check_prefix, is_allowed


@pytest.mark.parametrize(
    ("uri", "allowed"),
    [
        ("s3://bucket/docs/a.txt", True),
        ("s3://bucket/docs/b/c.txt", True),
        ("s3://bucket/docs", True),
        ("s3://bucket/docs-old/a.txt", False),
        ("s3://bucket/doc", False),
        ("s3://bucket/other", False),
        ("s3://bucket-2/docs/a.txt", False),
        ("s3://whole/anything", True),
        ("/srv/docs/a.txt", False),
        ("file:///srv/docs/a.txt", False),
    ],
)
@pytest.mark.parametrize("ending", ["", "/"])
def test_what_lies_below_a_prefix(uri: str, allowed: bool, ending: str) -> None:
    assert is_allowed(uri, (f"s3://bucket/docs{ending}", f"s3://whole{ending}", "/srv/docs")) is allowed


@pytest.mark.parametrize(
    "prefix", ["/srv/docs", "file:///srv", "s3://", "s3://bucket/../c", "http://bucket", ""]
)
def test_only_buckets_can_be_allowed(prefix: str) -> None:
    with pytest.raises(ValueError, match="allowed"):
        check_prefix(prefix)
