"""The text of a row: its own, or its document's."""

import threading
from collections.abc import Sequence
from typing import BinaryIO

from jobs import layout
from jobs.documents import DocumentError
from jobs.manifest import DocumentRef, Row
from jobs.outcome import Code, RowError
from jobs.stores import AccessDenied, InvalidKey, ObjectChanged, ObjectMissing, ObjectStore
from jobs.stores.allowed import REMEDY, is_allowed
from jobs.stores.s3_access import DEFAULT_ACCESS, S3Access
from jobs.stores.source import open_source
from worker.document_parsers import DocumentParsers

_EXPLANATIONS = {
    Code.EMPTY_TEXT: "the row's text is empty",
    Code.UNDECODABLE: "the row is not valid UTF-8, or has half of a character escaped, as \\ud83d is",
    Code.BAD_REQUEST: "the row's columns are nested too deep",
}


# S3 tells those who may not list a bucket of a missing object that it is forbidden.
_DENIED = (
    "{uri} may not be read with this worker's credentials, or isn't there; allow them s3:GetObject on it, "
    "and kms:Decrypt where it is encrypted with a key of its own, then `bydawn retry` the job"
)


class RowTexts:
    """Reads and parses what rows refer to: copies of their own job, and sources below an allowed prefix."""

    def __init__(
        self,
        store: ObjectStore,
        parsers: DocumentParsers,
        allowed_sources: Sequence[str] = (),
        access: S3Access = DEFAULT_ACCESS,
    ) -> None:
        self._store = store
        self._parsers = parsers
        self._allowed = (store.uri, *allowed_sources)
        self._access = access

    def read(self, job_id: str, row: Row, unwanted: threading.Event | None = None) -> str:
        """The text of a job's row, unless `drop` is told of `unwanted` before that.

        Raises:
            RowError: there is no text in it, and the code says why.
            StoreError: the store is away.
            UnwantedDocument: it was dropped.
        """
        if row.error is not None:
            raise RowError(row.error, _EXPLANATIONS.get(row.error, f"the row is {row.error}"))
        text = row.text if row.document is None else self._document_text(job_id, row.document, unwanted)
        if text is None or not text.strip():
            raise RowError(Code.EMPTY_TEXT, _EXPLANATIONS[Code.EMPTY_TEXT])
        return text

    def drop(self, unwanted: threading.Event) -> None:
        """End the reading of documents that nobody waits for any more."""
        self._parsers.drop(unwanted)

    def _document_text(self, job_id: str, document: DocumentRef, unwanted: threading.Event | None) -> str:
        try:
            return self._parsers.text(document.name, self._document_bytes(job_id, document), unwanted)
        except DocumentError as error:
            raise RowError(error.code, str(error)) from error

    def _document_bytes(self, job_id: str, document: DocumentRef) -> bytes:
        max_bytes = self._parsers.limits.document_bytes
        try:
            with self._opened(job_id, document) as stream:
                body = stream.read(max_bytes + 1)
        except ObjectMissing as error:
            raise RowError(Code.MISSING, str(error)) from error
        except ObjectChanged as error:
            raise RowError(Code.CHANGED, str(error)) from error
        except AccessDenied as error:
            if document.key is not None:
                raise  # a store that refuses us a job's own copies is set up wrongly, for every row
            raise RowError(Code.FORBIDDEN, _DENIED.format(uri=document.uri)) from error
        if len(body) > max_bytes:
            allowed = f"{max_bytes >> 20} MiB, a quarter of BYDAWN_PARSE_MEMORY_BYTES"
            raise RowError(Code.TOO_LONG, f"{document.name!r} is larger than {allowed}; split it")
        return body

    def _opened(self, job_id: str, document: DocumentRef) -> BinaryIO:
        # Shards may have been written by others than `submit`, so what they name is checked once more.
        if document.key is not None and document.key.startswith(layout.sources_prefix(job_id)):
            try:
                return self._store.open(document.key)
            except InvalidKey as error:
                raise RowError(Code.FORBIDDEN, str(error)) from error
        if document.key is None and document.uri is not None and is_allowed(document.uri, self._allowed):
            return open_source(document.uri, document.version, self._access)
        place = document.uri if document.key is None else document.key
        fault = f"{document.name!r} lies at {place!r}, which is not this job's to read; {REMEDY}"
        raise RowError(Code.FORBIDDEN, fault)
