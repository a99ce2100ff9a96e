"""Rows in quarantine, on an engine that dies of some of them with whatever else it has."""

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace

import pytest

from engine import EngineError, Request
from jobs.control import Halt
from jobs.manifest import Row
from jobs.outcome import Code, Counts, Outcome, RowError, Status
from jobs.spec import ClassifySpec, EmbedSpec, GenerateSpec, Label, Spec, SummarizeSpec
from tests.worker.fakes import best_choice, completion, embedding, fake_model, rows, scores
from worker.engine_messages import Result
from worker.engine_process import EngineDied, EngineLostDevice
from worker.kinds import make_kind
from worker.model import Model
from worker.rows import Note, ReadText, Watch
from worker.suspect_rows import run_suspect_rows

LABELS = (Label(name="a"), Label(name="b"))
SPECS: dict[str, Spec] = {
    "classify": ClassifySpec(labels=LABELS),
    "classify by label alone": ClassifySpec(labels=LABELS, scores=False),
    "summarize": SummarizeSpec(max_words=30),
    "generate": GenerateSpec(),
    "embed": EmbedSpec(),
}
FINE = [f"The harbour was quiet on Monday while {n} ships waited once for the tide." for n in range(4)]
POISON = "The harbour was full of poison on Monday while no ship waited for the tide."


def _answer(prompt: str, request: Request) -> Result:
    if request.pool is not None:
        return embedding(1.0, 0.0)
    if request.choices:
        return best_choice(0) if request.best_only else scores(-1.0, -2.0)
    return completion(f"re: {prompt}")


class MortalEngine:
    """Dies of "poison" with all that runs, and lives again at once.

    "slow" runs until it is cancelled; "once" is answered only after a death.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self._running: list[Future[Result]] = []
        self.prompts: list[str] = []
        self.num_deaths = 0

    def submit(self, request: Request) -> "Future[Result]":
        prompt = self._model.tokenizer.decode(request.prompt_token_ids or ())
        self.prompts.append(prompt)
        future: Future[Result] = Future()
        self._running.append(future)
        if "poison" in prompt.lower():
            self._die()
        elif "slow" not in prompt and ("once" not in prompt or self.num_deaths):
            future.set_result(_answer(prompt, request))
        return future

    def _die(self) -> None:
        self.num_deaths += 1
        died, self._running = self._running, []
        for future in died:
            if not future.done():
                future.set_exception(EngineDied("died"))


def _text(row: Row) -> str:
    assert row.text is not None
    if row.text == "empty":
        raise RowError(Code.EMPTY_TEXT, "no text")
    return row.text


def _run(
    texts: Sequence[str],
    watch: Watch = lambda _: None,
    spec: Spec | None = None,
    read_text: ReadText = _text,
    note: Note = lambda _: None,
) -> tuple[list[Outcome], MortalEngine]:
    model, _ = fake_model(lambda *_: None, max_model_len=4000)
    engine = MortalEngine(model)
    kind = make_kind(spec or GenerateSpec(), replace(model, engine=engine))
    return asyncio.run(run_suspect_rows(rows(*texts), kind, read_text, watch, note)), engine


def test_what_is_told_of_at_once_is_every_outcome_but_poison_which_has_to_be_listed_first() -> None:
    told: list[Outcome] = []
    outcomes, _ = _run(["a", "poison", "empty", "b"], note=told.append)
    assert outcomes[1].code is Code.POISON
    assert sorted(each.id for each in told) == ["r0", "r2", "r3"]


def test_only_the_rows_that_kill_end_as_poison_and_the_others_as_they_would_have() -> None:
    texts = ["a", "poison 1", "empty", *"bcdefgh", "poison 2"]
    outcomes, engine = _run(texts)
    assert [outcome.id for outcome in outcomes] == [f"r{n}" for n in range(len(texts))]
    codes = {1: Code.POISON, 2: Code.EMPTY_TEXT, 10: Code.POISON}
    assert [outcome.code for outcome in outcomes] == [codes.get(n) for n in range(len(texts))]
    assert engine.num_deaths <= 12
    assert sum("poison 1" in prompt for prompt in engine.prompts) <= 6


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
@pytest.mark.parametrize("culprit", [0, 3])
def test_whatever_is_asked_of_the_rows_only_the_guilty_dies_and_its_neighbours_are_asked_again(
    spec: Spec, culprit: int
) -> None:
    texts = [POISON if n == culprit else text for n, text in enumerate(FINE)]
    outcomes, engine = _run(texts, spec=spec)
    guilty = [Code.POISON if n == culprit else None for n in range(4)]
    assert [outcome.code for outcome in outcomes] == guilty
    assert engine.num_deaths >= 3, "once with the others, then twice alone"


def test_a_row_with_the_text_of_one_that_was_condemned_is_asked_itself() -> None:
    outcomes, engine = _run([POISON, POISON, FINE[0], FINE[0]], spec=SPECS["summarize"])
    assert [outcome.code for outcome in outcomes] == [Code.POISON, Code.POISON, None, None]
    assert engine.num_deaths >= 4, "each of them twice alone"
    assert [(outcome.result or {}).get("copy_of") for outcome in outcomes[2:]] == [None, "r2"]


def test_the_message_of_a_poison_row_says_why_and_quotes_nothing() -> None:
    (outcome,), _ = _run(["poison secret contents"])
    assert outcome.message is not None
    assert "twice" in outcome.message
    assert "secret" not in outcome.message


def test_a_job_that_is_cancelled_keeps_what_is_done_and_kills_no_more_engines() -> None:
    seen: list[Counts] = []

    def watch(counts: Counts) -> Halt | None:
        seen.append(counts)
        return Halt(Status.CANCELLED) if counts.ok == 3 else None

    outcomes, engine = _run(["a", "b", "c", "slow", "slow"], watch)
    assert [outcome.status for outcome in outcomes] == [Status.OK] * 3 + [Status.CANCELLED] * 2
    assert engine.num_deaths == 0
    assert seen[0] == Counts()

    outcomes, engine = _run(["poison 1", "poison 2"], lambda _: Halt(Status.EXPIRED))
    assert [outcome.status for outcome in outcomes] == [Status.EXPIRED] * 2
    assert engine.prompts == []


def test_what_finished_before_a_death_is_counted_and_not_run_again() -> None:
    seen: list[int] = []
    two_are_done = threading.Event()

    def watch(counts: Counts) -> None:
        seen.append(counts.rows)
        if counts.rows == 2:
            two_are_done.set()

    def read_text(row: Row) -> str:
        assert row.text != "poison" or two_are_done.wait(10)
        return _text(row)

    _, engine = _run(["a", "b", "once", "poison"], watch, read_text=read_text)
    assert [sum(each in prompt for prompt in engine.prompts) for each in ("> a", "> b", "once")] == [1, 1, 2]
    assert seen == sorted(seen)
    assert seen[-1] == 3


def test_an_engine_that_dies_of_the_jobs_own_instructions_condemns_no_row() -> None:
    spec = ClassifySpec(labels=(Label(name="poison"), Label(name="b")))
    with pytest.raises(EngineError) as raised:
        _run(["a", "b"], spec=spec)
    assert not isinstance(raised.value, EngineDied), "or it would be a suspect for ever"


@pytest.mark.parametrize("when", ["with the others", "in what all rows need"])
def test_a_lost_device_says_nothing_of_the_rows_and_narrows_nothing(when: str) -> None:
    model, engine = fake_model(
        lambda prompt, _: EngineLostDevice("lost") if "poison" in prompt.lower() else scores(-1.0, -2.0)
    )
    labels = ("poison", "b") if when == "in what all rows need" else ("a", "b")
    kind = make_kind(ClassifySpec(labels=tuple(Label(name=name) for name in labels)), model)
    texts = ["a", "b"] if when == "in what all rows need" else ["a", "poison"]
    told: list[Outcome] = []
    with pytest.raises(EngineLostDevice):
        asyncio.run(run_suspect_rows(rows(*texts), kind, _text, lambda _: None, told.append))
    assert all(outcome.code is None for outcome in told)
    assert sum("poison" in prompt.lower() for prompt in engine.prompts) <= 1 + len(labels)
