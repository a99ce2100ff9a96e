"""Which parser takes which document."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import PurePosixPath

from jobs.documents.cleanup import clean
from jobs.documents.document import Document, DocumentError
from jobs.documents.docx import parse_docx
from jobs.documents.eml import parse_eml
from jobs.documents.html import parse_html
from jobs.documents.pdf import parse_pdf
from jobs.documents.plain import parse_plain
from jobs.outcome import Code

_PARSERS: dict[str, Callable[[bytes], Document]] = {
    ".txt": parse_plain,
    ".md": parse_plain,
    ".html": parse_html,
    ".htm": parse_html,
    ".pdf": parse_pdf,
    ".docx": parse_docx,
    ".eml": parse_eml,
}
SUFFIXES = frozenset(_PARSERS)
_PLAIN_SUFFIXES = {suffix for suffix, parse in _PARSERS.items() if parse is parse_plain}
_PAGED_SUFFIXES = _PLAIN_SUFFIXES | {".pdf"}  # old plain texts have form feeds
_MAX_PLAIN_BYTES = 8 << 20


def is_plain(name: str, body: bytes) -> bool:
    """Whether the document is short UTF-8 text: nothing that could run for long, burst or crash."""
    if PurePosixPath(name).suffix.lower() not in _PLAIN_SUFFIXES or len(body) > _MAX_PLAIN_BYTES:
        return False
    with suppress(UnicodeDecodeError):
        body.decode()
        return True
    return False


def parse_document(name: str, body: bytes) -> Document:
    """The cleaned text of a document whose format its name's suffix tells; it may be empty.

    Raises `DocumentError` with one of the codes `unsupported`, `undecodable`, `unreadable`, `encrypted` and
    `needs_ocr`, whatever the bytes are; `MemoryError` where they need more than there is.
    """
    suffix = PurePosixPath(name).suffix.lower()
    if (parse := _PARSERS.get(suffix)) is None:
        allowed = ", ".join(sorted(SUFFIXES))
        raise DocumentError(Code.UNSUPPORTED, f"{name}: no parser for {suffix!r}; supported are {allowed}")
    if not body.strip():
        return Document("")
    try:
        document = parse(body)
    except DocumentError as error:
        raise DocumentError(error.code, f"{name} {error}") from error
    except MemoryError:
        raise
    except Exception as error:  # parsers fail on broken bytes in ways of their own
        fault = f"{name} is not a readable {suffix} file ({type(error).__name__}); save it anew and resubmit"
        raise DocumentError(Code.UNREADABLE, fault) from error
    return _cleaned(document.text, suffix)


def _cleaned(text: str, suffix: str) -> Document:
    if suffix not in _PAGED_SUFFIXES:
        return Document(clean(text))
    pages = [clean(page) for page in text.split("\f")]
    starts: list[int] = []
    whole = ""
    for page in pages:
        starts.append(len(whole) + (2 if whole and page else 0))
        whole = f"{whole}\n\n{page}" if whole and page else whole or page
    return Document(whole, tuple(starts) if suffix == ".pdf" or len(pages) > 1 else ())
