"""Documents of every kind become text, or a code that says why not."""

import pytest

from jobs.documents import Document, DocumentError, parse_document
from jobs.outcome import Code
from tests.jobs.documents.files import lock_pdf, make_docx, make_pdf

ENGLISH = "The price is £5 — “cheap”, très cheap."
JAPANESE = "日本語のテキストです。"


def code_of(name: str, body: bytes) -> Code:
    with pytest.raises(DocumentError) as caught:
        parse_document(name, body)
    assert name in str(caught.value)
    return caught.value.code


class TestPlain:
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
    def test_english_is_read_in_every_usual_encoding(self, encoding: str) -> None:
        assert parse_document("a.txt", ENGLISH.encode(encoding)).text == ENGLISH

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "shift_jis"])
    def test_japanese_is_read_in_every_usual_encoding(self, encoding: str) -> None:
        assert parse_document("a.md", JAPANESE.encode(encoding)).text == JAPANESE

    def test_bytes_that_are_no_text_are_undecodable(self) -> None:
        assert code_of("a.txt", bytes(range(128, 256)) + b"\0\x01") is Code.UNDECODABLE

    def test_a_suffix_in_capitals_is_the_same(self) -> None:
        assert parse_document("A.TXT", b"text").text == "text"


class TestHtml:
    def test_a_page_without_an_article_still_gives_its_text(self) -> None:
        page = b"<html><head><script>evil()</script></head><body><p>Only a note.</p></body></html>"
        assert parse_document("a.html", page).text == "Only a note."

    def test_an_article_comes_without_its_menus_and_with_its_paragraphs(self) -> None:
        sentences = "This is a sentence of the article. " * 8
        article = "".join(f"<p>{sentences}{number}</p>" for number in range(4))
        page = f"<body><nav><a href='/x'>Menu entry</a></nav><article>{article}</article></body>"
        text = parse_document("a.htm", page.encode()).text
        assert "Menu entry" not in text
        assert [paragraph[-1] for paragraph in text.split("\n\n")] == ["0", "1", "2", "3"]

    def test_the_declared_encoding_is_believed(self) -> None:
        page = f'<html><head><meta charset="shift_jis"></head><body><p>{JAPANESE}</p></body></html>'
        assert parse_document("a.html", page.encode("shift_jis")).text == JAPANESE

    def test_an_encoding_that_there_is_not_is_not_believed(self) -> None:
        page = f"<meta charset='no-such'><p>{ENGLISH}</p>".encode("cp1252")
        assert parse_document("a.html", page).text == ENGLISH

    def test_one_too_large_for_its_parser_is_refused_and_not_read_in_part(self) -> None:
        assert code_of("a.html", b"<html><body><p>Only a note.</p>" + b"x " * 6_000_000) is Code.UNREADABLE

    @pytest.mark.parametrize(
        "page",
        ["<p>Only a note.</p>", "<!-- a --><div>Only a note.</div>", "<body><p>Only a note.</p></body>"],
    )
    def test_a_piece_of_a_page_is_read(self, page: str) -> None:
        assert parse_document("a.html", page.encode()).text == "Only a note."


class TestPdf:
    def test_pages_are_counted_and_apart_by_an_empty_line(self) -> None:
        document = parse_document("a.pdf", make_pdf("First page\nsecond line", "Second page"))
        assert document == Document("First page\nsecond line\n\nSecond page", page_starts=(0, 24))

    def test_words_divided_at_the_end_of_a_line_are_whole_again(self) -> None:
        text = parse_document("a.pdf", make_pdf("out-of-scope exam-\nple of out-of-\nscope Jean-\nPaul")).text
        assert text == "out-of-scope example of out-of-scope Jean-\nPaul"

    def test_one_without_text_needs_ocr(self) -> None:
        assert code_of("scan.pdf", make_pdf("", "")) is Code.NEEDS_OCR

    def test_one_with_a_password_is_encrypted(self) -> None:
        assert code_of("a.pdf", lock_pdf(make_pdf("secret"), "password")) is Code.ENCRYPTED

    def test_one_that_only_forbids_printing_is_read(self) -> None:
        assert parse_document("a.pdf", lock_pdf(make_pdf("open"), "")).text == "open"

    @pytest.mark.parametrize("body", [b"not a pdf", make_pdf("text")[:60], b"%PDF-1.4\n" + b"\xff" * 500])
    def test_a_broken_one_is_unreadable(self, body: bytes) -> None:
        assert code_of("a.pdf", body) is Code.UNREADABLE


class TestDocx:
    def test_paragraphs_are_apart_by_an_empty_line(self) -> None:
        assert parse_document("a.docx", make_docx("First.", "Second.")) == Document("First.\n\nSecond.")

    @pytest.mark.parametrize("body", [b"not a zip", make_docx("text")[:200], make_pdf("text")])
    def test_a_broken_one_is_unreadable(self, body: bytes) -> None:
        assert code_of("a.docx", body) is Code.UNREADABLE

    def test_one_with_a_password_is_encrypted(self) -> None:
        body = bytes.fromhex("d0cf11e0a1b11ae1") + "EncryptedPackage".encode("utf-16-le")
        assert code_of("a.docx", body) is Code.ENCRYPTED

    def test_an_old_doc_by_another_name_is_unreadable(self) -> None:
        assert code_of("a.docx", bytes.fromhex("d0cf11e0a1b11ae1") + bytes(100)) is Code.UNREADABLE


def test_other_kinds_are_unsupported_and_the_supported_are_named() -> None:
    with pytest.raises(DocumentError, match=r"\.docx, \.eml, \.htm, \.html, \.md, \.pdf, \.txt") as caught:
        parse_document("picture.png", b"\x89PNG")
    assert caught.value.code is Code.UNSUPPORTED


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.html", "a.pdf", "a.docx", "a.eml"])
def test_an_empty_file_is_an_empty_text(name: str) -> None:
    assert parse_document(name, b" \n") == Document("")


def test_polish_is_not_taken_for_french() -> None:
    polish = "Zażółć gęślą jaźń, proszę przesłać zwrot pieniędzy za zamówienie z zeszłego tygodnia."
    assert parse_document("a.txt", polish.encode("cp1250")).text == polish


def test_a_plain_text_has_pages_where_it_has_form_feeds() -> None:
    assert parse_document("a.txt", b"one\n\f\n\ftwo") == Document("one\n\ntwo", page_starts=(0, 3, 5))
    assert parse_document("a.txt", b"one\n\ntwo") == Document("one\n\ntwo")
