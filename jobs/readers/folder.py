"""Documents as rows, to be read by whoever needs their text."""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from jobs.documents import SUFFIXES
from jobs.outcome import Code
from jobs.readers.row import InputError, InputRow
from jobs.readers.undecodable import is_undecodable
from jobs.stores.source import SourceRef

log = logging.getLogger(__name__)


def document_rows(source: str, refs: Iterable[SourceRef], root: str) -> Iterator[InputRow]:
    """A row for each document, its id the path below `root`; other and hidden files are counted and left out.

    Raises `InputError` where there is no document at all.
    """
    ignored: Counter[str] = Counter()
    num_documents = 0
    for ref in refs:
        path = PurePosixPath(ref.uri.removeprefix(root).lstrip("/") or PurePosixPath(root).name)
        if path.suffix.lower() not in SUFFIXES or any(part.startswith(".") for part in path.parts):
            ignored[path.suffix.lower() or path.name] += 1
            continue
        num_documents += 1
        yield _row(str(path), ref)
    if not num_documents:
        raise InputError(source, f"there is no document in it{_among(ignored)}; documents are {_allowed()}")
    if ignored:
        are_none = "that is no document" if ignored.total() == 1 else "that are no documents"
        log.warning("%s: ignored %d %s (%s)", source, ignored.total(), are_none, _kinds(ignored))


def _row(path: str, ref: SourceRef) -> InputRow:
    if is_undecodable(path):
        raise InputError(ascii(path), "the file's name is not UTF-8; rename it")
    error = None if ref.size_bytes else Code.EMPTY_TEXT
    return InputRow(id=path, where=path, document=ref, error=error)


def _among(ignored: Counter[str]) -> str:
    files = "1 file" if ignored.total() == 1 else f"{ignored.total()} files"
    return f" among {files} ({_kinds(ignored)})" if ignored else ""


def _kinds(ignored: Counter[str]) -> str:
    return ", ".join(f"{times} {kind}" for kind, times in ignored.most_common(5))


def _allowed() -> str:
    return ", ".join(sorted(SUFFIXES))
