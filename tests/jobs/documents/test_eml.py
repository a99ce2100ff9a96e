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


@pytest.mark.parametrize("header", ["To", "From"])
def test_of_many_addresses_the_first_are_named_and_the_others_counted(header: str) -> None:
    given = ", ".join(f"u{n} <u{n}@example.org>" for n in range(50_010))
    mail = f"Subject: x\n{header}: {given}\n\nThe lift is repaired.\n"
    named = parse_document("a.eml", mail.encode()).text.splitlines()[1]
    assert named.startswith(f"{header}: u0 <u0@example.org>, u1 <")
    assert named.endswith("u9 <u9@example.org> and 50,000 more")


def test_ten_addresses_are_all_named() -> None:
    given = ", ".join(f"u{n}@example.org" for n in range(10))
    assert f"To: {given}\n" in parse_document("a.eml", f"To: {given}\n\nHello\n".encode()).text


@pytest.mark.parametrize("name", ["Subject", "From", "To", "Date"])
def test_a_header_has_no_more_than_a_line_that_can_be_read(name: str) -> None:
    mail = f"{name}: {'long ' * 20_000}<a@example.org>\nMessage-ID: <x>\n\nThe lift is repaired.\n"
    text = parse_document("a.eml", mail.encode()).text
    assert len(text) < 1100
    assert "\u2026" in text
    assert text.endswith("The lift is repaired.")


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


@pytest.mark.parametrize("plain", ["\n", " \t\n\n"])
def test_a_plain_body_that_is_blank_gives_way_to_the_page_beside_it(plain: str) -> None:
    assert _parsed(_mail(plain, '<div dir="ltr">The lift is repaired.</div>')).endswith(
        "\n\nThe lift is repaired."
    )


def test_a_plain_body_that_cannot_be_decoded_gives_way_to_the_page_beside_it() -> None:
    mail = _mail(html="<p>The lift is repaired.</p>")
    next(mail.iter_parts()).set_payload("body \udcff\udcfe\x00\x00 text")
    assert _parsed(mail).endswith("\n\nThe lift is repaired.")


def test_an_invitation_beside_a_page_does_not_take_its_place() -> None:
    mail = _mail(None)
    mail.make_alternative()
    mail.add_alternative(b"BEGIN:VCALENDAR", maintype="application", subtype="ics")
    mail.add_alternative("<p>Come at ten.</p>", subtype="html")
    assert _parsed(mail).endswith("\n\nCome at ten.")


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "text/plain; charset=utf-8", "text/html", "text/enriched", "application/octet-stream"],
)
def test_a_body_that_cannot_be_decoded_fails_the_mail(kind: str) -> None:
    head = f"Subject: x\nContent-Type: {kind}\nContent-Transfer-Encoding: 8bit\n\n"
    with pytest.raises(DocumentError) as refused:
        parse_document("a.eml", head.encode() + b"body \xff\xfe\x00\x00 text")
    assert refused.value.code is Code.UNDECODABLE


@pytest.mark.parametrize("kind", ["application/octet-stream", "text/enriched", "multipart/mixed"])
def test_a_body_is_read_whatever_it_is_called(kind: str) -> None:
    body = f"Subject: x\nContent-Type: {kind}\n\nThe lift is repaired."
    assert parse_document("a.eml", body.encode()).text == "Subject: x\n\nThe lift is repaired."


def test_a_page_that_comes_after_a_plain_text_is_a_part_of_the_body() -> None:
    mail = _mail()
    mail.make_mixed()
    page = EmailMessage()
    page.set_content("<p>The town pays.</p>", subtype="html")
    mail.attach(page)
    assert _parsed(mail).endswith("\n\nThe lift is repaired.\n\nThe town pays.")


def test_an_attachment_that_cannot_be_decoded_costs_no_mail() -> None:
    mail = _mail()
    mail.add_attachment(b"\xff\xfe\x00\x00 text\xff", maintype="text", subtype="plain", filename="odd.txt")
    assert _parsed(mail).endswith("\n\nThe lift is repaired.\n\nAttachment: odd.txt")


def _forwarding(mail: EmailMessage) -> EmailMessage:
    outer = _mail("See below.\n")
    outer.add_attachment(mail)
    return outer


def test_a_forwarded_mail_is_read_with_its_headers() -> None:
    inner = _mail()
    assert _parsed(_forwarding(inner)).endswith(
        f"\n\nSee below.\n\nAttachment: message/rfc822\n\n{_parsed(inner)}"
    )


def test_of_a_mail_forwarded_over_and_over_the_innermost_are_named_alone() -> None:
    mail = _mail()
    for _ in range(9):
        mail = _forwarding(mail)
    text = _parsed(mail)
    assert text.count("See below.") == 5
    assert text.endswith("See below.\n\nAttachment: message/rfc822")


@pytest.mark.parametrize("num_elements", [300, 50_000])
@pytest.mark.parametrize("page", ["<html><body>{}</body></html>", "{}"])
def test_a_page_nested_too_deep_is_refused_and_the_reason_told(num_elements: int, page: str) -> None:
    body = page.format("<div>" * num_elements + "The lift is repaired." + "</div>" * num_elements)
    with pytest.raises(DocumentError, match="nested too deep") as refused:
        parse_document("a.eml", b"Subject: x\nContent-Type: text/html\n\n" + body.encode())
    assert refused.value.code is Code.UNREADABLE
