"""The texts that were summarised, from a table or from a folder of documents."""

from collections.abc import Collection

from jobs.documents import DocumentError, parse_document
from jobs.readers import InputRow, read_rows
from jobs.stores.s3_access import DEFAULT_ACCESS, S3Access
from jobs.stores.source import read_source


def read_source_texts(
    source: str,
    text_field: str | None,
    id_field: str | None,
    wanted: Collection[str],
    access: S3Access = DEFAULT_ACCESS,
) -> dict[str, str]:
    """By id; a document that gives no text, or whose parser isn't installed, is left out.

    Workers parse documents in processes with limits; here is one's own machine, and Ctrl-C.
    """
    rows = read_rows(source, text_field=text_field, id_field=id_field, access=access)
    texts = ((row.id, _text(row, access)) for row in rows if row.id in wanted)
    return {row_id: text for row_id, text in texts if text}


def _text(row: InputRow, access: S3Access) -> str | None:
    if row.document is None:
        return row.text
    try:
        return parse_document(row.id, read_source(row.document.uri, row.document.version, access)).text
    except (DocumentError, ImportError):
        return None
