"""E-mails become their headers, their body, and what is attached as text."""

from email.message import EmailMessage

import pytest

from jobs.documents import DocumentError, parse_document
from jobs.outcome import Code


def _mail(plain: str | None = "The lift is repaired.\n", html: str | None = None) -> EmailMessage:
    mail = EmailMessage()
    mail["Subject"] = "Lift \u2013 repair"
    mail["From"] = "Ada <ada@example.org>"
    mail["Date"] = "Thu, 26 Nov 2026 10:00:00 +0000"
    if plain is not None:
        mail.set_content(plain)
    if html is not None:
        (mail.add_alternative if plain is not None else mail.set_content)(html, subtype="html")
    return mail


def _parsed(mail: EmailMessage) -> str:
    return parse_document("a.eml", mail.as_bytes()).text


def test_headers_come_first_then_the_plain_body() -> None:
    assert _parsed(_mail(html="<p>Something else</p>")) == (
        "Subject: Lift \u2013 repair\nFrom: Ada <ada@example.org>\nDate: Thu, 26 Nov 2026 10:00:00 +0000\n\n"
        "The lift is repaired."
    )


def test_a_body_in_html_alone_is_read_without_its_marks() -> None:
    text = _parsed(_mail(None, "<html><body><p>The <b>lift</b> is repaired.</p></body></html>"))
    assert text.endswith("\n\nThe lift is repaired.")


def test_attachments_that_are_text_are_read_and_the_others_named() -> None:
    mail = _mail()
    mail.add_attachment("The town pays.", filename="who-pays.txt")
    mail.add_attachment(b"%PDF-1.4", maintype="application", subtype="pdf", filename="bill.pdf")
    assert _parsed(mail).endswith(
        "The lift is repaired.\n\nAttachment: who-pays.txt\n\nThe town pays.\n\nAttachment: bill.pdf"
    )


@pytest.mark.parametrize("charset", ["utf-8", "iso-8859-1", "no-such-charset"])
def test_a_charset_that_is_wrong_or_unknown_costs_no_mail(charset: str) -> None:
    head = f"Subject: x\nContent-Type: text/plain; charset={charset}\nContent-Transfer-Encoding: 8bit\n\n"
    body = "Tr\u00e8s bien.".encode("iso-8859-1" if charset == "iso-8859-1" else "utf-8")
    assert parse_document("a.eml", head.encode() + body).text.endswith("Tr\u00e8s bien.")


@pytest.mark.parametrize("body", [b"no header at all\n\nand a body", bytes(range(256))])
def test_what_is_no_mail_is_unreadable(body: bytes) -> None:
    with pytest.raises(DocumentError) as refused:
        parse_document("a.eml", body)
    assert refused.value.code is Code.UNREADABLE
