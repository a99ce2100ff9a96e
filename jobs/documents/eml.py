"""E-mails, by the standard library: who wrote what about it, the body, and attachments that are text."""

from contextlib import suppress
from email import message_from_bytes, policy
from email.message import EmailMessage, MIMEPart

from jobs.documents.document import Document, DocumentError
from jobs.documents.html import parse_html
from jobs.documents.plain import decode_text
from jobs.outcome import Code

_HEADERS = ("Subject", "From", "To", "Date")
_TEXT_TYPES = frozenset({"text/plain", "text/markdown"})


def parse_eml(body: bytes) -> Document:
    """Headers, then the plain body, else the HTML one; raises `DocumentError` (`unreadable`)."""
    message = message_from_bytes(body, policy=policy.default)
    assert isinstance(message, EmailMessage)
    headers = [f"{name}: {message[name]}" for name in _HEADERS if message[name]]
    if not headers:
        raise DocumentError(Code.UNREADABLE, "has no header of an e-mail; export it anew as .eml")
    best = message.get_body(preferencelist=("plain", "html"))
    attached = [part for part in message.iter_attachments() if isinstance(part, MIMEPart)]
    parts = ["\n".join(headers), "" if best is None else _text(best), *map(_attachment, attached)]
    return Document("\n\n".join(part for part in parts if part.strip()))


def _attachment(part: MIMEPart) -> str:
    """Its text where it is text; its name in any case."""
    name = part.get_filename() or part.get_content_type()
    if part.get_content_type() not in _TEXT_TYPES:
        return f"Attachment: {name}"
    return f"Attachment: {name}\n\n{_text(part)}"


def _text(part: MIMEPart) -> str:
    payload = part.get_payload(decode=True)
    content = payload if isinstance(payload, bytes) else b""
    if part.get_content_type() == "text/html":
        return parse_html(content).text
    with suppress(DocumentError):
        return decode_text(content, part.get_content_charset())
    return ""
