"""Web pages, by trafilatura: the article without the menus around it."""

import re

from jobs.documents.document import Document
from jobs.documents.plain import decode_text

_DECLARED = re.compile(rb"<meta[^>]+charset=[\"']?([\w-]+)", re.IGNORECASE)
_DECLARED_WITHIN_BYTES = 1024  # the HTML standard's limit
_MIN_ARTICLE_SHARE = 0.25
# Each line is a paragraph of its own, but for the rows of a table and the points of a list.
_BETWEEN_PARAGRAPHS = re.compile(r"\s*\n\s*(?![-|\s])")


def parse_html(body: bytes) -> Document:
    """The page's main text, or all its text where no article stands out."""
    from trafilatura import extract, html2txt, load_html

    page = decode_text(body, _declared_encoding(body))
    article = extract(load_html(page), include_comments=False, favor_recall=True) or ""
    # Unusual pages make the extractor drop most of them: then menus are the lesser evil.
    everything = html2txt(load_html(page), clean=True)
    text = article if len(article) >= _MIN_ARTICLE_SHARE * len(everything) else everything
    # On short pages the extractor drops the headline, which says what the rest is about.
    if (headline := _headline(page)) and headline not in text:
        text = f"{headline}\n{text}"
    return Document(_BETWEEN_PARAGRAPHS.sub("\n\n", text))


def _headline(page: str) -> str:
    from trafilatura import load_html

    tree = load_html(page)
    found = [] if tree is None else tree.xpath("//h1")
    return " ".join(" ".join(found[0].itertext()).split()) if found else ""


def _declared_encoding(body: bytes) -> str | None:
    declared = _DECLARED.search(body[:_DECLARED_WITHIN_BYTES])
    return declared[1].decode() if declared else None
