"""Every outcome is counted once, whatever way the counts are added up."""

from hypothesis import given
from hypothesis import strategies as st

from jobs.outcome import Code, Counts, Outcome, Status, Usage

TOKENS = st.integers(0, 1000)
USAGES = st.builds(Usage, prompt_tokens=TOKENS, cached_tokens=TOKENS, output_tokens=TOKENS)
OUTCOMES = st.lists(st.builds(Outcome, id=st.text(), status=st.sampled_from(Status), usage=USAGES))


@given(OUTCOMES, st.integers(0, 20))
def test_counts_add_up_wherever_the_rows_are_cut(outcomes: list[Outcome], cut: int) -> None:
    whole = Counts.of(outcomes)
    assert whole == Counts.of(outcomes[:cut]) + Counts.of(outcomes[cut:])
    assert whole.rows == len(outcomes)
    for status in Status:
        assert getattr(whole, status) == sum(outcome.status is status for outcome in outcomes)
    tokens = sum((outcome.usage for outcome in outcomes), Usage())
    assert (whole.prompt_tokens, whole.cached_tokens, whole.output_tokens) == (
        tokens.prompt_tokens,
        tokens.cached_tokens,
        tokens.output_tokens,
    )


def test_a_result_line_has_the_id_the_result_and_the_cost() -> None:
    line = Outcome.ok("r1", {"text": "hi"}, Usage(prompt_tokens=2)).result_line()
    assert line == {
        "id": "r1",
        "text": "hi",
        "usage": {"prompt_tokens": 2, "cached_tokens": 0, "output_tokens": 0},
    }


def test_an_error_line_says_how_the_row_ended_and_why() -> None:
    failed = Outcome.failed("r1", Code.TOO_LONG, "too long").error_line()
    assert failed == {"id": "r1", "status": "failed", "code": "too_long", "message": "too long"}
    stopped = Outcome.stopped("r2", Status.EXPIRED).error_line()
    assert (stopped["status"], stopped["code"]) == ("expired", None)
    assert "expired" in str(stopped["message"])
