"""Encryption is asked for with every write, and the bucket's owner checked with every call."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import boto3
import pytest

from jobs.settings import Settings
from jobs.stores import ObjectStore, S3Access, StoreError, open_store
from jobs.stores.source import list_source, read_source
from tests.jobs.stores.flaky_s3 import FlakyS3, flaky_s3
from tests.servers import BUCKET, S3Server

OWNER = "123456789012"
KEY = "arn:aws:kms:eu-central-1:123456789012:key/1"

Call = Callable[[ObjectStore, S3Access], object]
WRITES: dict[str, Call] = {
    "put": lambda store, _: store.put("a", b"body"),
    "create": lambda store, _: store.create("b", b"body"),
    "upload": lambda store, _: store.upload("c", [b"body"]),
    "upload of many parts": lambda store, _: store.upload("d", (bytes(1 << 20) for _ in range(17))),
}
OTHERS: dict[str, Call] = {
    "get": lambda store, _: store.get("a"),
    "exists": lambda store, _: store.exists("a"),
    "list": lambda store, _: [*store.list("")],
    "folders": lambda store, _: [*store.folders("")],
    "delete": lambda store, _: store.delete(["a"]),
    "list a source": lambda _, access: [*list_source("s3://bucket/docs", access)],
    "read a source": lambda _, access: read_source("s3://bucket/docs/a.txt", None, access),
}


def _asked(server: FlakyS3, call: Call, **options: str) -> tuple[list[str], list[dict[str, str]]]:
    access = replace(server.access, **options)  # type: ignore[arg-type]
    server.requests.clear()
    with suppress(StoreError, KeyError):  # it can't do all of this, and needn't
        call(open_store("s3://bucket", access), access)
    headers = [{name.lower(): value for name, value in given.items()} for _, given in server.requests]
    return [line for line, _ in server.requests], headers


@pytest.mark.parametrize("name", [*WRITES, *OTHERS])
def test_every_call_names_the_account_that_must_own_the_bucket(name: str) -> None:
    with flaky_s3() as server:
        lines, headers = _asked(server, (WRITES | OTHERS)[name], bucket_owner=OWNER)
        assert lines
        assert all(each["x-amz-expected-bucket-owner"] == OWNER for each in headers)
        _, headers = _asked(server, (WRITES | OTHERS)[name])
        assert not any("x-amz-expected-bucket-owner" in each for each in headers)


@pytest.mark.parametrize("name", WRITES)
def test_every_write_asks_for_encryption_with_the_key(name: str) -> None:
    with flaky_s3() as server:
        _, (headers, *_) = _asked(server, WRITES[name], encryption="aws:kms", kms_key_id=KEY)
        assert headers["x-amz-server-side-encryption"] == "aws:kms"
        assert headers["x-amz-server-side-encryption-aws-kms-key-id"] == KEY
        _, (headers, *_) = _asked(server, WRITES[name], encryption="AES256")
        assert headers["x-amz-server-side-encryption"] == "AES256"


def test_what_only_reads_asks_for_no_encryption() -> None:
    """S3 refuses a GET that does."""
    with flaky_s3() as server:
        for call in OTHERS.values():
            _, headers = _asked(server, call, encryption="AES256")
            assert not any("x-amz-server-side-encryption" in each for each in headers)


@pytest.mark.integration
@pytest.mark.parametrize("name", WRITES)
def test_a_real_server_encrypts_what_is_written_and_reads_it_again(name: str, s3_endpoint: S3Server) -> None:
    access = replace(s3_endpoint.access, encryption="AES256")
    store = open_store(f"s3://{BUCKET}/encrypted", access)
    store.delete(["a", "b", "c", "d"])
    WRITES[name](store, access)
    (key,) = store.list("")
    client = boto3.client(
        "s3",
        endpoint_url=access.endpoint_url,
        aws_access_key_id=access.access_key_id,
        aws_secret_access_key=access.secret_access_key,
    )
    assert client.head_object(Bucket=BUCKET, Key=f"encrypted/{key}")["ServerSideEncryption"] == "AES256"
    assert store.get(key) in (b"body", bytes(17 << 20))


def test_settings_become_access(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BYDAWN_S3_ENCRYPTION", "aws:kms")
    monkeypatch.setenv("BYDAWN_S3_KMS_KEY_ID", KEY)
    monkeypatch.setenv("BYDAWN_S3_BUCKET_OWNER", OWNER)
    assert Settings().s3 == S3Access(encryption="aws:kms", kms_key_id=KEY, bucket_owner=OWNER)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BYDAWN_S3_KMS_KEY_ID", KEY),
        ("BYDAWN_S3_ENCRYPTION", "none"),
        ("BYDAWN_S3_BUCKET_OWNER", "me"),
        ("BYDAWN_ALLOWED_SOURCES", "/srv/docs"),
    ],
)
def test_settings_that_would_be_ignored_are_refused(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=f"(?i){name.removeprefix('BYDAWN_')}"):
        Settings()


def test_allowed_sources_are_a_list_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BYDAWN_ALLOWED_SOURCES", " s3://one/a,b, s3://two ")
    assert Settings().allowed_sources == ("s3://one/a,b", "s3://two")
    monkeypatch.setenv("BYDAWN_ALLOWED_SOURCES", "")
    assert Settings().allowed_sources == ()


def test_a_secret_key_is_in_no_repr() -> None:
    assert "hunter2" not in repr(S3Access(secret_access_key="hunter2"))
