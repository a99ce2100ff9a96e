"""Users' documents as text."""

from jobs.documents.document import Document, DocumentError, PagedText
from jobs.documents.parsing import SUFFIXES, is_plain, parse_document

__all__ = ["SUFFIXES", "Document", "DocumentError", "PagedText", "is_plain", "parse_document"]
