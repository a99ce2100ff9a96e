"""Reading an S3 object as a file, over connections that break."""

import io
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError
from botocore.response import StreamingBody
from urllib3.exceptions import HTTPError

from jobs.stores.base import StoreError, StoreUnavailable
from jobs.stores.locations import S3Location
from jobs.stores.s3_client import clear_errors

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUFFER_BYTES = 1 << 20
NUM_TRIES = 5


def open_s3(client: "S3Client", location: S3Location, version: str | None = None) -> io.BufferedReader:
    """A stream over one version of an object, by default the present one.

    Raises `ObjectMissing`, and `ObjectChanged` where the object is not (or no longer) that version.
    """
    return io.BufferedReader(_S3Stream(client, location, version), BUFFER_BYTES)


class _S3Stream(io.RawIOBase):
    """A slow reader's connection may be closed from the other side: it is opened again where it stopped."""

    def __init__(self, client: "S3Client", location: S3Location, version: str | None) -> None:
        self._client = client
        self._location = location
        self._condition: dict[str, Any] = {} if version is None else {"IfMatch": version}
        self._position = self._size_bytes = 0
        self._body: StreamingBody | None = None
        self._connect()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        view = memoryview(buffer).cast("B")
        chunk = self._read(len(view))
        view[: len(chunk)] = chunk
        self._position += len(chunk)
        return len(chunk)

    def close(self) -> None:
        self._disconnect()
        super().close()

    def _connect(self) -> None:
        self._disconnect()
        resume: dict[str, Any] = {"Range": f"bytes={self._position}-"} if self._position else {}
        with clear_errors(self._location.uri):
            answer = self._client.get_object(
                Bucket=self._location.bucket, Key=self._location.key, **self._condition, **resume
            )
        self._body = answer["Body"]
        # However often it is opened again, it must stay the same object.
        self._condition = {"IfMatch": answer["ETag"]}
        size_bytes = self._position + answer["ContentLength"]
        if self._position and size_bytes != self._size_bytes:
            raise StoreError(f"{self._location.uri}: its server ignores ranges; copy the file to a folder")
        self._size_bytes = size_bytes

    def _disconnect(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None

    def _read(self, max_bytes: int) -> bytes:
        if self._position == self._size_bytes:
            return b""
        for _ in range(NUM_TRIES):
            try:
                if self._body is not None and (chunk := self._body.read(max_bytes)):
                    return chunk
            except (BotoCoreError, HTTPError, OSError):
                self._disconnect()
            self._connect()
        raise StoreUnavailable(
            f"{self._location.uri} breaks off after {self._position} of {self._size_bytes} bytes; "
            "try again later"
        )
