"""PDF, by pypdf."""

import io
from typing import TYPE_CHECKING

from jobs.documents.cleanup import join_hyphenated
from jobs.documents.document import Document, DocumentError
from jobs.documents.running_lines import without_running_lines
from jobs.outcome import Code

if TYPE_CHECKING:
    from pypdf import PdfReader


def parse_pdf(body: bytes) -> Document:
    """The text of all pages, less what pages repeat; raises `DocumentError` (`encrypted`, `needs_ocr`)."""
    from pypdf import PdfReader

    reader = PdfReader(io.BytesIO(body))
    _unlock(reader)
    pages = [page.extract_text() for page in reader.pages]
    if not any(page.strip() for page in pages):
        raise DocumentError(
            Code.NEEDS_OCR, f"has no text on any of its {len(pages)} pages; run OCR over it first"
        )
    texts = without_running_lines([page.replace("\f", "\n") for page in pages])
    return Document(join_hyphenated("\n\n\f".join(texts)))


def _unlock(reader: "PdfReader") -> None:
    """Many encrypted files open with the empty password: they only forbid printing."""
    if reader.is_encrypted and not reader.decrypt(""):
        raise DocumentError(Code.ENCRYPTED, "is protected by a password; save a copy without one")
