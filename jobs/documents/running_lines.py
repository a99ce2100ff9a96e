"""Headers and footers: lines at a page's edges that most pages have, but for the page's number."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import product

_EDGE_LINES = 3
_LEAST_PAGES = 3
_MOST_VARYING_NUMBERS = 3
_LONGEST_CHARS = 200
_NUMBER = re.compile(r"\d{1,6}")


def without_running_lines(pages: Sequence[str]) -> list[str]:
    """The pages' texts, each header and footer left where it stands first: it may be the title."""
    if len(pages) < _LEAST_PAGES:
        return list(pages)
    pages_with = Counter(key for number, page in enumerate(pages) for key in _edge_keys(page, number))
    running = {key for key, num_pages in pages_with.items() if 2 * num_pages > len(pages)}
    seen: set[str] = set()
    return [_without(page, number, running, seen) for number, page in enumerate(pages)]


def _without(page: str, number: int, running: set[str], seen: set[str]) -> str:
    lines = page.splitlines()
    for place in _edges(lines):
        keys = running & set(_keys(lines[place], number))
        if keys & seen:
            lines[place] = ""
        seen |= keys
    return "\n".join(lines)


def _edge_keys(page: str, number: int) -> set[str]:
    lines = page.splitlines()
    return {key for place in _edges(lines) for key in _keys(lines[place], number)}


def _edges(lines: Sequence[str]) -> list[int]:
    """The first and last lines that aren't blank: what recurs between them, in tables say, is content."""
    visible = [place for place, line in enumerate(lines) if line.strip()]
    return sorted({*visible[:_EDGE_LINES], *visible[-_EDGE_LINES:]})


def _keys(line: str, page: int) -> Iterator[str]:
    """What a line is compared by: each number as it stands, or less the page's.

    So a footer is known by its page number, and a sum that another page has another one of is not taken
    for one.
    """
    if len(line) > _LONGEST_CHARS:
        return
    words = " ".join(line.split())
    found = _NUMBER.findall(words)[:_MOST_VARYING_NUMBERS]
    shape = _NUMBER.sub("\0", words, count=_MOST_VARYING_NUMBERS)
    for numbers in product(*((number, f"page{int(number) - page:+}") for number in found)):
        yield "\0".join((shape, *numbers))
