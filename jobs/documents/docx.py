"""Word documents, by mammoth."""

import io
import zipfile

from jobs.documents.document import Document, DocumentError
from jobs.outcome import Code

_OLD_OFFICE_MAGIC = bytes.fromhex("d0cf11e0a1b11ae1")
_ENCRYPTED_STREAM = "EncryptedPackage".encode("utf-16-le")
_MAX_UNPACKED_BYTES = 512 << 20


def parse_docx(body: bytes) -> Document:
    """The text of all paragraphs; raises `DocumentError` (`encrypted`, `unreadable`)."""
    import mammoth

    if body.startswith(_OLD_OFFICE_MAGIC):
        raise _old_office_error(body)
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        unpacked_bytes = sum(entry.file_size for entry in archive.infolist())
    if unpacked_bytes > _MAX_UNPACKED_BYTES:
        raise DocumentError(
            Code.UNREADABLE, f"unpacks to {unpacked_bytes >> 20} MiB; allowed are {_MAX_UNPACKED_BYTES >> 20}"
        )
    return Document(mammoth.extract_raw_text(io.BytesIO(body)).value)


def _old_office_error(body: bytes) -> DocumentError:
    if _ENCRYPTED_STREAM in body:
        return DocumentError(Code.ENCRYPTED, "is protected by a password; save a copy without one")
    return DocumentError(Code.UNREADABLE, "is in Word's old format; save it as .docx")
