"""E-mails, by the standard library: who wrote what about it, the body, and attached texts and mails."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from email import message_from_bytes, policy
from email.message import EmailMessage, MIMEPart

from jobs.documents.document import Document, DocumentError
from jobs.documents.html import parse_html
from jobs.documents.plain import decode_text
from jobs.outcome import Code

_HEADERS = ("Subject", "From", "To", "Date")
_PLAIN_TYPES = frozenset({"text/plain", "text/markdown"})
_BODY_TYPES = _PLAIN_TYPES | {"text/html"}
_MAIL_TYPES = frozenset({"message/rfc822", "message/global"})
_MAX_ADDRESSES = 10  # to whom it went besides says nothing of what it says
_MAX_HEADER_CHARS = 1000  # no subject that a person wrote is longer
_MAX_PARSED_CHARS = 20_000
_MAX_FORWARDS = 4  # of a mail in a mail in a mail; who forwards more often rarely means the innermost


def parse_eml(body: bytes) -> Document:
    """Headers, then what the mail says in its parts' order, forwarded mails and attached texts among them.

    Raises `DocumentError`: `unreadable` where it is no mail, `undecodable` or `unreadable` where its body is.
    """
    message = message_from_bytes(body, policy=policy.default)
    assert isinstance(message, EmailMessage)
    if not (headers := _headers(message)):
        raise DocumentError(Code.UNREADABLE, "has no header of an e-mail; export it anew as .eml")
    return Document(_joined([headers, *_said_by(message, _MAX_FORWARDS)]))


def _headers(mail: MIMEPart) -> str:
    raw = {name.title(): str(value) for name, value in reversed([*mail.raw_items()])}  # the first counts
    lines = ((name, _header(name, raw[name])) for name in _HEADERS if name in raw)
    return "\n".join(f"{name}: {said}" for name, said in lines if said)


def _header(name: str, raw: str) -> str:
    begin, rest = _parted(raw)
    value = policy.default.header_fetch_parse(name, begin)
    addresses = getattr(value, "addresses", ())
    num_more = max(0, len(addresses) - _MAX_ADDRESSES) + rest.count("@")
    if not addresses or not num_more:
        return _short(value)
    return f"{_short(', '.join(map(str, addresses[:_MAX_ADDRESSES])))} and {num_more:,} more"


def _parted(raw: str) -> tuple[str, str]:
    """What of a header is parsed, to the end of an address: thousands of them take the library a minute."""
    if len(raw) <= _MAX_PARSED_CHARS:
        return raw, ""
    end = raw.rfind(",", 0, _MAX_PARSED_CHARS)
    end = _MAX_PARSED_CHARS if end < 0 else end
    return raw[:end], raw[end:]


def _short(text: str) -> str:
    return text if len(text) <= _MAX_HEADER_CHARS else f"{text[:_MAX_HEADER_CHARS].rstrip()}\u2026"


def _said_by(mail: MIMEPart, forwards: int) -> Iterator[str]:
    """The parts of a whole mail; one that is a single part may call its text anything."""
    if mail.is_multipart() or mail.is_attachment() or mail.get_filename():
        yield from _said_in(mail, forwards)
    elif mail.get_content_maintype() in {"text", "multipart"} or _is_of_no_type(mail):
        yield _text(mail)
    else:
        yield _attachment(mail, forwards)


def _is_of_no_type(part: MIMEPart) -> bool:
    return part.get_content_type() == "application/octet-stream"


def _said_in(part: MIMEPart, forwards: int) -> Iterator[str]:
    kind = part.get_content_type()
    if kind == "multipart/alternative":
        yield _best(part, forwards)
    elif kind == "multipart/related":
        yield from _root_and_attached(part, forwards)
    elif part.get_content_maintype() == "multipart":
        for inner in _parts(part):
            yield from _said_in(inner, forwards)
    elif kind in _BODY_TYPES and not part.is_attachment():
        yield _text(part)
    else:
        yield _attachment(part, forwards)


def _parts(part: MIMEPart) -> list[MIMEPart]:
    return (
        [inner for inner in part.iter_parts() if isinstance(inner, MIMEPart)] if part.is_multipart() else []
    )


def _best(alternatives: MIMEPart, forwards: int) -> str:
    """The first that says something, plain text before all others; many programs leave it blank."""
    fault: DocumentError | None = None
    for part in sorted(_parts(alternatives), key=_rank):
        try:
            if (said := _joined(_said_in(part, forwards))).strip():
                return said
        except DocumentError as error:
            fault = fault or error
    if fault is not None:
        raise fault
    return ""


def _rank(alternative: MIMEPart) -> int:
    if alternative.get_content_type() in _PLAIN_TYPES:
        return 0
    # A multipart is a page with its pictures; what else there is, such as an invitation, is only named.
    is_page = alternative.get_content_type() == "text/html" or alternative.is_multipart()
    return 1 if is_page else 2


def _root_and_attached(related: MIMEPart, forwards: int) -> Iterator[str]:
    """The rest are pictures of the page, but for what is attached to it."""
    for number, part in enumerate(_parts(related)):
        if number == 0 or part.is_attachment():
            yield from _said_in(part, forwards)


def _attachment(part: MIMEPart, forwards: int) -> str:
    """What it says where it is a text or a mail; its name in any case."""
    said = ""
    with suppress(DocumentError):  # the mail itself is readable all the same
        if part.get_content_type() in _MAIL_TYPES:
            said = _forwarded(part, forwards)
        elif part.get_content_type() in _PLAIN_TYPES:
            said = _text(part)
    return _joined([f"Attachment: {_short(part.get_filename() or part.get_content_type())}", said])


def _forwarded(part: MIMEPart, forwards: int) -> str:
    mails = _parts(part) if forwards else []
    return _joined(said for mail in mails for said in (_headers(mail), *_said_by(mail, forwards - 1)))


def _text(part: MIMEPart) -> str:
    """Raises `DocumentError` (`undecodable`; of a page, `unreadable`, too)."""
    payload = part.get_payload(decode=True)
    content = payload if isinstance(payload, bytes) else b""
    if not content.strip():
        return ""
    if part.get_content_type() == "text/html":
        return parse_html(content).text
    return decode_text(content, part.get_content_charset())


def _joined(said: Iterable[str]) -> str:
    return "\n\n".join(text for text in said if text.strip())
