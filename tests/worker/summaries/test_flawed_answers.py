"""An answer with a fault is drawn once more, and if that does no better it is marked."""

import pytest

from engine import Request
from jobs.manifest import Row
from jobs.spec import SummarizeSpec
from tests.worker.fakes import completion
from tests.worker.summaries.summarizing import GOOD, LIFT, by_temperature, long_text, run, summarized
from worker.engine_messages import Result


def test_a_flawed_answer_is_drawn_once_more_and_the_better_one_is_kept() -> None:
    result, engine = summarized(SummarizeSpec(), by_temperature("", GOOD))
    assert result["summary"] == "The document is about a lift that was repaired."
    assert "low_quality" not in result
    assert len(engine.prompts) == 2
    assert engine.prompts[0] == engine.prompts[1]


@pytest.mark.parametrize(
    ("first", "second", "summary", "mark"),
    [
        ("", " the lift the lift the lift the lift the lift the lift.", "lift", "repetitive"),
        (" the lift the lift the lift the lift the lift the lift.", "", "lift", "repetitive"),
        (" rain", " rain", "rain", "no_whole_sentence"),
        ("", "", "", "empty"),
    ],
)
def test_a_row_whose_second_answer_is_flawed_too_is_ok_and_marked(
    first: str, second: str, summary: str, mark: str
) -> None:
    result, engine = summarized(SummarizeSpec(), by_temperature(first, second))
    assert summary in result["summary"]
    assert result["low_quality"] == mark
    assert len(engine.prompts) == 2


def test_the_second_draw_depends_on_the_text_and_on_nothing_else() -> None:
    seeds: list[int | None] = []

    def answer(_: str, request: Request) -> Result:
        seeds.append(request.sampling.seed)
        return completion("")

    rows = [Row(id="1", text=LIFT), Row(id="2", text="Tea is served."), Row(id="3", text=LIFT)]
    for row in rows:
        run(SummarizeSpec(), answer, row)
    assert [seeds[n] for n in (0, 2, 4)] == [None] * 3
    assert seeds[1] == seeds[5] != seeds[3]
    assert seeds[1] is not None


def test_an_answer_that_begins_as_the_prompt_did_is_drawn_again_and_else_marked() -> None:
    echo, spec = "<document> The lift is repaired. </document>", SummarizeSpec(focus="Who pays?")
    good, _ = summarized(spec, by_temperature(echo, "The town pays."))
    assert good["summary"] == "The town pays."
    assert "low_quality" not in good
    bad, _ = summarized(spec, lambda *_: completion(echo))
    assert (bad["summary"], bad["low_quality"]) == ("The lift is repaired.", "echoes_tag")


def test_parts_that_are_well_alone_and_say_the_same_together_are_marked() -> None:
    def answer(prompt: str, _request: Request) -> Result:
        number = int(prompt.split("Paragraph ")[1].split()[0])
        own = " ".join(f"n{number}{letter}" for letter in "abcd")
        return completion(f" exactly eight words that a paragraph has in it, and so on; {own}.")

    spec = SummarizeSpec(max_words=320, section_tokens=100)
    result, _ = summarized(spec, answer, long_text(80), max_len=1000)
    assert result["summary"].count("exactly eight words") >= 7
    assert result["low_quality"] == "repetitive"


def test_made_up_numbers_are_left_out_drawn_again_where_all_has_them_and_else_marked() -> None:
    made_up = " a lift that was repaired in 1987."
    partly, engine = summarized(
        SummarizeSpec(), lambda *_: completion(f"{GOOD} The lift is repaired in 99 days.")
    )
    assert partly["summary"] == "The document is about a lift that was repaired."
    assert ("low_quality" in partly, len(engine.prompts)) == (False, 1)
    drawn_again, _ = summarized(SummarizeSpec(), by_temperature(made_up, GOOD))
    assert drawn_again["summary"] == "The document is about a lift that was repaired."
    marked, _ = summarized(SummarizeSpec(), lambda *_: completion(made_up))
    assert marked["low_quality"] == "unsupported_numbers"


@pytest.mark.parametrize("language", ["British English", "en-GB", "Englisch", "ingl\u00e9s", "\u82f1\u8a9e"])
def test_english_may_be_asked_for_by_any_name(language: str) -> None:
    result, _ = summarized(SummarizeSpec(language=language), lambda *_: completion("The lift is repaired."))
    assert "low_quality" not in result


def test_english_where_another_language_was_asked_for_is_drawn_again_and_else_marked() -> None:
    spec, english, german = (
        SummarizeSpec(language="German"),
        "The lift is repaired.",
        "Der Aufzug geht wieder.",
    )
    good, _ = summarized(spec, by_temperature(english, german))
    assert (good["summary"], "low_quality" in good) == (german, False)
    bad, _ = summarized(spec, lambda *_: completion(english))
    assert (bad["summary"], bad["low_quality"]) == (english, "wrong_language")


def test_english_notes_of_a_summary_in_another_language_are_no_fault() -> None:
    def answer(prompt: str, _request: Request) -> Result:
        merged = "Combine the notes" in prompt
        return completion("Es geht um die Abs\u00e4tze." if merged else "It is about these paragraphs.")

    spec = SummarizeSpec(language="German", max_words=10, section_tokens=200)
    result, engine = summarized(spec, answer, long_text(40))
    assert "low_quality" not in result
    assert len(engine.prompts) == result["sections"] + 1
