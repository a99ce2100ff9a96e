"""A bucket, on AWS or on anything that speaks S3 and honours conditional writes."""

import io
import random
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, BinaryIO, cast
from uuid import uuid4

from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from jobs.stores.base import ObjectMissing, StoreError, StoreUnavailable
from jobs.stores.keys import checked_key, checked_prefix
from jobs.stores.locations import S3Location
from jobs.stores.probing import prove_conditional_create
from jobs.stores.s3_access import S3Access
from jobs.stores.s3_client import clear_errors, http_status, num_retries, s3_client
from jobs.stores.s3_stream import open_s3

CONFLICT_PAUSES_S = (0.05, 0.1, 0.2, 0.4, 0.8)
PUT_ID = "put-id"  # in an object's metadata: which call wrote it
GONE_OR_CHANGED = {404, 409, 412}
MAX_DELETED_AT_ONCE = 1000  # S3's limit
# In the caller's thread: `chunks` may hold what belongs to it, such as a database connection.
TRANSFER = TransferConfig(use_threads=False, multipart_threshold=16 << 20, multipart_chunksize=16 << 20)


class S3Store:
    """Objects under a prefix of a bucket; credentials and endpoint as in `S3Access`."""

    def __init__(self, location: S3Location, access: S3Access, *, max_attempts: int = 8) -> None:
        self.uri = location.uri
        self._bucket = location.bucket
        self._prefix = f"{location.key.rstrip('/')}/".lstrip("/")
        self._access = access
        self._client = s3_client(access, max_attempts=max_attempts)

    def get(self, key: str) -> bytes | None:
        try:
            with self.open(key) as stream:
                return stream.read()
        except ObjectMissing:
            return None

    def open(self, key: str) -> BinaryIO:
        return cast("BinaryIO", open_s3(self._client, S3Location(self._bucket, self._full(key))))

    def put(self, key: str, body: bytes) -> None:
        with clear_errors(self._name(key)):
            self._client.put_object(**self._address(key), Body=body)

    def create(self, key: str, body: bytes) -> bool:
        with clear_errors(self._name(key)):
            return self._create(key, body)

    def upload(self, key: str, chunks: Iterable[bytes]) -> int:
        stream = ChunkStream(chunks)
        with clear_errors(self._name(key)):
            self._client.upload_fileobj(
                cast("BinaryIO", io.BufferedReader(stream)), self._bucket, self._full(key), Config=TRANSFER
            )
        return stream.size_bytes

    def exists(self, key: str) -> bool:
        try:
            with clear_errors(self._name(key)):
                self._client.head_object(**self._address(key))
        except ObjectMissing:
            return False
        return True

    def list(self, prefix: str) -> Iterator[str]:
        return self._keys(self._prefix + checked_prefix(prefix))

    def folders(self, prefix: str) -> Iterator[str]:
        full_prefix = self._prefix + checked_prefix(prefix)
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=full_prefix, Delimiter="/"
        )
        with clear_errors(self.uri):
            for page in pages:
                for found in page.get("CommonPrefixes", []):
                    yield found["Prefix"].removeprefix(full_prefix).removesuffix("/")

    def delete(self, keys: Iterable[str]) -> None:
        names = (self._full(key) for key in keys)
        while batch := [*islice(names, MAX_DELETED_AT_ONCE)]:
            with clear_errors(self.uri):
                answer = self._client.delete_objects(
                    Bucket=self._bucket, Delete={"Objects": [{"Key": name} for name in batch], "Quiet": True}
                )
            if errors := answer.get("Errors"):
                raise StoreError(
                    f"{self.uri}: {len(errors)} objects were not deleted, the first: {errors[0]}"
                )

    def delete_if(self, key: str, body: bytes) -> None:
        with clear_errors(self._name(key)):
            try:
                found = self._client.get_object(**self._address(key))
                if found["Body"].read() == body:
                    self._client.delete_object(**self._address(key), IfMatch=found["ETag"])
            except ClientError as error:
                if http_status(error) not in GONE_OR_CHANGED:
                    raise

    def probe(self) -> None:
        # A wrong address should be known in a second, not after eight attempts.
        hasty = S3Store(S3Location(self._bucket, self._prefix), self._access, max_attempts=2)
        prove_conditional_create(hasty)

    def _full(self, key: str) -> str:
        return self._prefix + checked_key(key)

    def _name(self, key: str) -> str:
        return S3Location(self._bucket, self._full(key)).uri

    def _address(self, key: str) -> dict[str, Any]:
        return {"Bucket": self._bucket, "Key": self._full(key)}

    def _create(self, key: str, body: bytes) -> bool:
        was_retried = False
        put_id = uuid4().hex
        for pause_s in CONFLICT_PAUSES_S:
            try:
                self._client.put_object(
                    **self._address(key), Body=body, IfNoneMatch="*", Metadata={PUT_ID: put_id}
                )
            except ClientError as error:
                was_retried |= num_retries(error) > 0
                if http_status(error) == 412:
                    # The retry of a write whose answer was lost meets its own object.
                    return was_retried and self._is_of_put(key, put_id)
                if http_status(error) != 409:
                    raise
                time.sleep(random.uniform(0, pause_s))  # noqa: S311 - spreads retries, guards nothing
            else:
                return True
        raise StoreUnavailable(f"{self._name(key)}: too many writers at once; try again later")

    def _is_of_put(self, key: str, put_id: str) -> bool:
        """By its id, not by its bytes: two workers may well have written the same."""
        try:
            answer = self._client.head_object(**self._address(key))
        except ClientError as error:
            if http_status(error) == 404:  # whoever wrote it has removed it since
                return False
            raise
        return answer["Metadata"].get(PUT_ID) == put_id

    def _keys(self, full_prefix: str) -> Iterator[str]:
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=full_prefix
        )
        with clear_errors(self.uri):
            for page in pages:
                names = (item["Key"] for item in page.get("Contents", []))
                yield from (name.removeprefix(self._prefix) for name in names if not name.endswith("/"))


class ChunkStream(io.RawIOBase):
    """Chunks of bytes as one readable stream."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self.size_bytes = 0
        self._chunks = iter(chunks)
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        while not self._rest:
            if (chunk := next(self._chunks, None)) is None:
                return 0
            self._rest = chunk
        view = memoryview(buffer).cast("B")
        num_bytes = min(len(view), len(self._rest))
        view[:num_bytes] = self._rest[:num_bytes]
        self._rest = self._rest[num_bytes:]
        self.size_bytes += num_bytes
        return num_bytes
