"""The text of a row: its own, or its document's."""

from jobs.documents import DocumentError, parse_document
from jobs.manifest import DocumentRef, Row
from jobs.outcome import Code, RowError
from jobs.stores import ObjectChanged, ObjectMissing, ObjectStore
from jobs.stores.source import read_source

_EXPLANATIONS = {
    Code.EMPTY_TEXT: "the row's text is empty",
    Code.UNDECODABLE: "the row's text is not valid UTF-8",
    Code.BAD_REQUEST: "the row's columns are nested too deep",
}


def row_text(row: Row, store: ObjectStore) -> str:
    """Read and parse what the row refers to.

    Raises:
        RowError: there is no text in it, and the code says why.
        StoreError: the store is away.
    """
    if row.error is not None:
        raise RowError(row.error, _EXPLANATIONS.get(row.error, f"the row is {row.error}"))
    text = row.text if row.document is None else _document_text(row.document, store)
    if text is None or not text.strip():
        raise RowError(Code.EMPTY_TEXT, _EXPLANATIONS[Code.EMPTY_TEXT])
    return text


def _document_text(document: DocumentRef, store: ObjectStore) -> str:
    try:
        return parse_document(document.name, _document_bytes(document, store)).text
    except DocumentError as error:
        raise RowError(error.code, str(error)) from error


def _document_bytes(document: DocumentRef, store: ObjectStore) -> bytes:
    if document.key is None:
        if document.uri is None or not document.uri.startswith("s3://"):
            raise RowError(Code.UNSUPPORTED, f"{document.name!r} lies neither in the store nor in a bucket")
        try:
            return read_source(document.uri, document.version)
        except ObjectMissing as error:
            raise RowError(Code.MISSING, str(error)) from error
        except ObjectChanged as error:
            raise RowError(Code.CHANGED, str(error)) from error
    if (body := store.get(document.key)) is None:
        raise RowError(Code.MISSING, f"the copy of {document.name!r} is no longer in the store")
    return body
