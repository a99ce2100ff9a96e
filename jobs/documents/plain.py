"""Plain text and Markdown."""

import codecs
from contextlib import suppress

from jobs.documents.document import Document, DocumentError
from jobs.outcome import Code

_MARKS = {  # UTF-32's mark starts like UTF-16's, so it is looked for first
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def parse_plain(body: bytes) -> Document:
    """UTF-8, what a byte order mark says, or what the bytes look like."""
    return Document(decode_text(body))


def decode_text(body: bytes, declared: str | None = None) -> str:
    """Bytes as text: by their mark, as UTF-8, as what the file declares, or as what they look like.

    Raises `DocumentError` (`undecodable`).
    """
    marked = next((encoding for mark, encoding in _MARKS.items() if body.startswith(mark)), "utf-8-sig")
    for encoding in (marked, declared):
        # A LookupError: files declare encodings that there are not.
        with suppress(UnicodeDecodeError, LookupError):
            if encoding is not None:
                return body.decode(encoding)
    return _guess(body)


def _guess(body: bytes) -> str:
    from charset_normalizer import from_bytes

    matches = from_bytes(body)
    # Text in one-byte encodings has no NULs; what has is some other kind of file.
    if b"\0" in body or (best := matches.best()) is None:
        raise DocumentError(Code.UNDECODABLE, "is not text in any known encoding; save it as UTF-8")
    # Short texts look as good in several encodings, and this is by far the commonest of them.
    alike = (match for match in matches if match.chaos == best.chaos and match.encoding == "cp1252")
    return str(next(alike, best))
