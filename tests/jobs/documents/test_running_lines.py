"""Headers and footers stand in a text once, and nothing else is taken for one."""

from hypothesis import given
from hypothesis import strategies as st

from jobs.documents import parse_document
from jobs.documents.running_lines import without_running_lines
from tests.jobs.documents.files import make_pdf

BODIES = ("The board met.", "It saw the lift.", "The town paid.", "All went home.")


def _lines(pages: list[str]) -> list[list[str]]:
    return [[line for line in page.splitlines() if line] for page in without_running_lines(pages)]


def test_headers_and_page_numbers_are_left_where_they_stand_first() -> None:
    pages = [f"Report 12\n{body}\nPage {n} of 4\n{n + 6}" for n, body in enumerate(BODIES, 1)]
    first, *others = _lines(pages)
    assert first == ["Report 12", BODIES[0], "Page 1 of 4", "7"]
    assert others == [[body] for body in BODIES[1:]]


def test_a_header_may_be_missing_on_some_pages_but_not_on_half_of_them() -> None:
    most = ["Cover", *(f"Report\n{body}" for body in BODIES[:3])]
    assert _lines(most) == [["Cover"], ["Report", BODIES[0]], [BODIES[1]], [BODIES[2]]]
    half = ["Cover", "Contents", *(f"Report\n{body}" for body in BODIES[:2])]
    assert without_running_lines(half) == half


def test_sums_that_change_from_page_to_page_and_lines_within_a_page_stay() -> None:
    sums = [f"{body}\nCarried forward {17 * n * n}" for n, body in enumerate(BODIES, 1)]
    assert without_running_lines(sums) == sums
    within = ["\n".join([f"{body} {n}" for n in range(3)] + ["Total"] + list(BODIES)) for body in BODIES]
    assert without_running_lines(within)[2].count("Total") == 1


def test_two_pages_tell_nothing() -> None:
    assert without_running_lines(["Yes\nNo", "Yes\nNo"]) == ["Yes\nNo", "Yes\nNo"]


@given(st.lists(st.text("a1 \n", max_size=20), max_size=6))
def test_every_line_still_stands_somewhere_and_no_page_is_lost(pages: list[str]) -> None:
    left = without_running_lines(pages)
    assert len(left) == len(pages)
    unnumbered = {" ".join(line.split()) for page in pages for line in page.splitlines() if "1" not in line}
    assert unnumbered <= {" ".join(line.split()) for page in left for line in page.splitlines()} | {""}


def test_a_pdf_is_read_without_them() -> None:
    text = parse_document("a.pdf", make_pdf(*(f"Report\n{body}" for body in BODIES))).text
    assert text == "Report\n" + "\n\n".join(BODIES)
