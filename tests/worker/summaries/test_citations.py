"""A sentence is cited where its words are, and nowhere else."""

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.documents import PagedText, parse_document
from jobs.manifest import Row
from jobs.spec import SummarizeSpec
from jobs.styles import Form
from tests.jobs.documents.files import make_pdf
from tests.worker.fakes import completion, fake_model
from worker.kinds import make_kind
from worker.summaries.citations import Passage, cite, passages_of

BASIN = "Divers found cracks in the sluice gate of the eastern basin."
FERRY = "Ferries to the islands leave from the western quay until the repair is finished."
PAY = "The council has set aside money for engineers, and fishermen register their boats."
WEATHER = "Heavy rain is expected over northern mountains tomorrow evening."


def test_each_sentence_names_the_section_and_page_that_has_its_words_and_a_strange_one_none() -> None:
    passages = passages_of([f"{BASIN}\n\n{FERRY}", PAY], [BASIN, FERRY, PAY])
    summary = f"Ferries leave from the western quay. The council has money for engineers. {WEATHER}"
    assert cite(summary, Form.SENTENCES, passages) == [
        {"sentence": "Ferries leave from the western quay.", "sections": ["s1"], "pages": [2]},
        {"sentence": "The council has money for engineers.", "sections": ["s2"], "pages": [3]},
        {"sentence": WEATHER, "sections": [], "pages": []},
    ]


def test_without_pages_sections_are_cited_alone_and_bullets_by_their_lines() -> None:
    passages = passages_of([BASIN, FERRY], [])
    cited = cite("- Cracks in the sluice gate\n- Ferries leave western quay", Form.LINES, passages)
    assert [(each["sections"], each["pages"]) for each in cited] == [(["s1"], []), (["s2"], [])]


class _Counted(list[Passage]):
    """Passages that know how often somebody went through them."""

    times = 0

    def __iter__(self) -> Iterator[Passage]:
        self.times += 1
        return super().__iter__()


def test_a_document_is_gone_through_once_however_long_its_summary_is() -> None:
    passages = _Counted(passages_of([BASIN, FERRY, PAY], [BASIN, FERRY, PAY]))
    assert len(cite("\n".join([BASIN, FERRY, PAY] * 10), Form.LINES, passages)) == 30
    assert passages.times == 1


@pytest.mark.parametrize(
    ("sentence", "sections"),
    [
        ("Anna pays 1200 euros for the lift of the school.", ["s1"]),
        ("The lift of the school costs Lena 1,200 euros.", []),
        ("Anna pays 1500 euros for the lift of the school.", []),
        ("The school lift was paid by Bob.", ["s2"]),
        ("Repairs of the School Lift Are Paid", ["s1"]),
    ],
)
def test_only_a_section_that_has_all_names_and_numbers_is_cited(sentence: str, sections: list[str]) -> None:
    passages = passages_of(
        [
            "Anna pays 1,200 euros: the lift of the school is paid, repairs too.",
            "Bob paid a school lift.",
        ],
        [],
    )
    assert [each["sections"] for each in cite(sentence, Form.LINES, passages)] == [sections]


@given(st.lists(st.text(st.sampled_from("ab \n"), max_size=12), max_size=8), st.integers(1, 9))
def test_every_word_has_its_own_page_wherever_sections_are_cut(
    pages: list[str], words_a_section: int
) -> None:
    """Words that no two pages share; sections may be cut anywhere between them."""
    named = [f"{n:03}page " + page for n, page in enumerate(pages, 1)]
    words = "\n\n".join(named).split()
    sections = [" ".join(words[n : n + words_a_section]) for n in range(0, len(words), words_a_section)]
    found = passages_of(sections, named)
    for passage in found:
        assert passage.page is not None
        assert {term for term in passage.terms if term.endswith("pag")} <= {f"{passage.page:03}pag"}
    assert {each.page for each in found if any(map(str.isalnum, each.terms))} == set(range(1, len(pages) + 1))


def test_a_pdf_is_cited_by_its_pages() -> None:
    document = parse_document("a.pdf", make_pdf(BASIN, FERRY))
    text = PagedText(document.text, document.page_starts)
    answer = " the western quay, from which ferries to the islands leave."
    model, _ = fake_model(lambda *_: completion(answer))
    result, _ = asyncio.run(make_kind(SummarizeSpec(cite=True), model).run(Row(id="1"), text))
    (cited,) = result["citations"]
    assert (cited["sections"], cited["pages"]) == (["s1"], [2])
    assert cited["sentence"] == result["summary"]
