"""Users' documents as text."""

from jobs.documents.document import Document, DocumentError
from jobs.documents.parsing import SUFFIXES, parse_document

__all__ = ["SUFFIXES", "Document", "DocumentError", "parse_document"]
