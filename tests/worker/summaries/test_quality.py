"""What is wrong with a summary is found, and a good one is left alone."""

from dataclasses import replace

import pytest

from worker.summaries.quality import Answered, Flaw, find_flaw, is_worse

SOURCE = (
    "The harbour authority closed the eastern basin on Monday after divers found cracks in the sluice gate. "
    "Ferries to the islands leave from the western quay until the repair is finished, which the engineers "
    "expect in about three weeks. The council has set aside 240,000 euros, and asks fishermen to register "
    "their boats by Friday. Two inspectors from the ministry will check the remaining gates in the spring, "
    "because all five were built in the same year by a company that no longer exists. Shop owners along the "
    "promenade fear for their summer season and demand that the parking fees be waived for visitors."
)
GOOD = (
    "The eastern basin is closed because its sluice gate has cracks. Ferries use the western quay for about "
    "three weeks. The council pays 240,000 euros."
)
ASKED = "What is the document above about? Give its main points in at most 40 words."


def _answered(summary: str, **more: object) -> Answered:
    given = Answered(summary, summary, was_cut=False, source=SOURCE, instructions=ASKED, max_words=40)
    return replace(given, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("summary", "flaw"),
    [
        (GOOD, None),
        ("", Flaw.EMPTY),
        (" ...", Flaw.EMPTY),
        ("What is the document above about? Give its main points in words.", Flaw.COPIES_INSTRUCTIONS),
        (
            "Photosynthesis turns sunlight into sugar inside green leaves, and oxygen escapes through pores.",
            Flaw.OFF_TOPIC,
        ),
        ("The eastern basin is closed on 9 November.", Flaw.UNSUPPORTED_NUMBERS),
        ("The gate, the gate, the gate, the gate, the gate, the gate, the gate is cracked.", Flaw.REPETITIVE),
        ("The gate is very very very very very very very cracked.", Flaw.REPETITIVE),
        (f"{GOOD} It is the gate that makes up what makes up what makes up what makes up.", Flaw.REPETITIVE),
        (
            "The eastern basin is closed to keep boats safe and dry. The gate has cracks to keep boats safe "
            "and dry. Ferries use the quay to keep boats safe and dry.",
            Flaw.REPETITIVE,
        ),
        (f"{GOOD} Ferries, Ferries, Ferries use the western quay.", None),
        (f"{GOOD} The gate, the gate is cracked.", None),
        ("The eastern basin is closed because the sluice\u2026", Flaw.NO_WHOLE_SENTENCE),
        (SOURCE[: SOURCE.index("Ferries")].strip(), Flaw.COPIES_OPENING),
    ],
)
def test_each_flaw_is_found_and_a_good_summary_has_none(summary: str, flaw: Flaw | None) -> None:
    assert find_flaw(_answered(summary)) is flaw


def test_an_answer_cut_off_is_flawed_only_if_most_of_it_is_lost() -> None:
    kept = "The eastern basin is closed because its sluice gate has cracks."
    a_little_more = f"{kept} Ferries use the"
    much_more = f"{kept} Ferries use the western quay " + "and the other quay " * 8
    assert find_flaw(_answered(kept, answer=a_little_more, was_cut=True)) is None
    assert find_flaw(_answered(kept, answer=much_more, was_cut=True)) is Flaw.CUT_OFF
    assert find_flaw(_answered(kept, answer=much_more, was_cut=False)) is None


def test_a_summary_in_another_language_is_not_taken_for_off_topic() -> None:
    german = (
        "Das Hafenbecken bleibt geschlossen, weil Taucher Risse gefunden haben; Fischer sollen Boote melden."
    )
    assert find_flaw(_answered(german)) is Flaw.OFF_TOPIC
    assert find_flaw(_answered(german, in_other_language=True)) is None


def test_a_text_hardly_longer_than_its_summary_may_be_repeated_by_it() -> None:
    opening = SOURCE[: SOURCE.index("Ferries")].strip()
    assert find_flaw(_answered(opening, source=f"{opening} That is all.")) is None


def test_a_document_that_quotes_the_question_may_be_quoted() -> None:
    assert find_flaw(_answered(ASKED, source=f"{SOURCE} {ASKED}")) is None


def test_flaws_are_worse_than_none_and_the_earlier_ones_than_the_later() -> None:
    assert is_worse(Flaw.EMPTY, Flaw.OFF_TOPIC)
    assert is_worse(Flaw.COPIES_OPENING, None)
    assert not is_worse(None, Flaw.EMPTY)
    assert not is_worse(Flaw.EMPTY, Flaw.EMPTY)
