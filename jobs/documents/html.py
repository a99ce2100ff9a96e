"""Web pages, by trafilatura: the article without the menus around it."""

import re
from contextlib import suppress
from typing import TYPE_CHECKING

from jobs.documents.document import Document, DocumentError
from jobs.documents.plain import decode_text
from jobs.outcome import Code

if TYPE_CHECKING:
    from lxml.html import HtmlElement

_DECLARED = re.compile(rb"<meta[^>]+charset=[\"']?([\w-]+)", re.IGNORECASE)
_OF_A_WHOLE_PAGE = re.compile("<(html|head|body)[ >]", re.IGNORECASE)
_DECLARED_WITHIN_BYTES = 1024  # the HTML standard's limit
_MIN_ARTICLE_SHARE = 0.25
# Each line is a paragraph of its own, but for the rows of a table and the points of a list.
_BETWEEN_PARAGRAPHS = re.compile(r"\s*\n\s*(?![-|\s])")


def parse_html(body: bytes) -> Document:
    """The page's main text, or all its text where no article stands out.

    Raises `DocumentError` (`undecodable`, and `unreadable` where the page is nested too deep or too large).
    """
    from trafilatura import extract, html2txt

    page = decode_text(body, _declared_encoding(body))
    _refuse_beyond_limits(page)
    article = extract(_tree(page), include_comments=False, favor_recall=True) or ""
    # Unusual pages make the extractor drop most of them: then menus are the lesser evil.
    everything = html2txt(_tree(page), clean=True)
    text = article if len(article) >= _MIN_ARTICLE_SHARE * len(everything) else everything
    # On short pages the extractor drops the headline, which says what the rest is about.
    if (headline := _headline(page)) and headline not in text:
        text = f"{headline}\n{text}"
    return Document(_BETWEEN_PARAGRAPHS.sub("\n\n", text))


def _tree(page: str) -> "HtmlElement":
    """Anew for each use, for the extractor takes it apart."""
    from trafilatura import load_html

    # In mails there is often just a piece of a page, and the extractor takes none.
    if _OF_A_WHOLE_PAGE.search(page) is None or (tree := load_html(page)) is None:
        tree = load_html(f"<html><body>{page}</body></html>")
    return tree


def _refuse_beyond_limits(page: str) -> None:
    """The parser leaves out what goes beyond its limits, all of it perhaps, and says so only to who asks."""
    from lxml import etree

    parser = etree.HTMLParser(encoding="utf-8")
    with suppress(etree.XMLSyntaxError):  # an empty page
        etree.fromstring(page.encode(errors="replace"), parser)
    for entry in parser.error_log:
        if entry.type == etree.ErrorTypes.ERR_RESOURCE_LIMIT:
            is_deep = "depth" in entry.message
            fault = (
                "has elements nested too deep, 255 or more in one another"
                if is_deep
                else "is too large a page"
            )
            raise DocumentError(Code.UNREADABLE, f"{fault}; save it as plain text")


def _headline(page: str) -> str:
    found = _tree(page).xpath("//h1")
    return " ".join(" ".join(found[0].itertext()).split()) if found else ""


def _declared_encoding(body: bytes) -> str | None:
    declared = _DECLARED.search(body[:_DECLARED_WITHIN_BYTES])
    return declared[1].decode() if declared else None
