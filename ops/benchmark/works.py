"""The works: what every system is asked to do, new in each round so that no prefix cache knows it.

Equal rounds of a work are equal on every machine; two rounds share no prompt.
"""

import asyncio
import random
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine import ChoiceScores, Request, Usage
from engine.tokenizer import Tokenizer
from jobs.manifest import Row
from jobs.spec import ClassifySpec, Label
from ops.benchmark.peers.protocol import Item, Labelling, Turn
from ops.benchmark.texts import part, segments, tickets
from worker.kinds.classify import Classify
from worker.model import Model

CONTEXT_TOKENS = 8192
VOCABULARY = 49_152
FIRST_TEXT_TOKEN = 17  # SmolLM2's control tokens come before it
SUMMARY_TOKENS = 100
NUM_TICKETS = 300
NUM_SEGMENTS = 40


@dataclass(frozen=True, slots=True)
class Task:
    """One round of a work: the turn that every system gets, and the right labels where there are some."""

    turn: Turn
    labels: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Work:
    """A kind of load; `task` makes round 0, 1, ... of it and raises DataMissing."""

    letter: str
    title: str
    task: Callable[[int], Task]
    slot_tokens: int  # prompt and output of the longest request
    classifies: bool = False


def works(tokenizer: Tokenizer, data: Path | None) -> dict[str, Work]:
    """All five, by letter."""
    found = (
        Work("a", "mixed: 32 requests, 64 to 384 tokens in, 16 to 96 out", _mixed("a", 32), 480),
        Work("b", "mixed: 256 requests, 64 to 384 tokens in, 16 to 96 out", _mixed("b", 256), 480),
        Work(
            "c",
            f"classify: {NUM_TICKETS} CLINC messages, 10 labels",
            lambda number: _classify(tokenizer, data, number),
            512,
            classifies=True,
        ),
        Work(
            "d",
            f"summarise: {NUM_SEGMENTS} QMSum segments, {SUMMARY_TOKENS} tokens out",
            lambda number: _summarise(tokenizer, data, number),
            CONTEXT_TOKENS,
        ),
        Work("e", "decode-heavy: 32 requests, 32 tokens in, 256 out", _decode_heavy, 288),
    )
    return {work.letter: work for work in found}


def warm_up(task: Task) -> Turn:
    """A small turn of the same kind, on prompts that no round has."""
    draw = random.Random("warm-up")  # noqa: S311
    labelling = task.turn.labelling
    return Turn([Item(_prompt(draw, 48), 8) for _ in range(4)], labelling)


def _mixed(letter: str, count: int) -> Callable[[int], Task]:
    def task(number: int) -> Task:
        draw = random.Random(f"0 {letter} {number}")  # noqa: S311
        lengths = [(draw.randint(64, 384), draw.randint(16, 96)) for _ in range(count)]
        return Task(Turn([Item(_prompt(draw, tokens), out) for tokens, out in lengths]))

    return task


def _decode_heavy(number: int) -> Task:
    draw = random.Random(f"0 e {number}")  # noqa: S311
    return Task(Turn([Item(_prompt(draw, 32), 256) for _ in range(32)]))


def _prompt(draw: random.Random, tokens: int) -> list[int]:
    return [draw.randrange(FIRST_TEXT_TOKEN, VOCABULARY) for _ in range(tokens)]


def _summarise(tokenizer: Tokenizer, data: Path | None, number: int) -> Task:
    rows = part(segments(data), number, NUM_SEGMENTS)
    prompts = [_summary_prompt(tokenizer, row.document, row.query) for row in rows]
    return Task(Turn([Item(prompt, SUMMARY_TOKENS) for prompt in prompts]))


def _summary_prompt(tokenizer: Tokenizer, document: str, query: str) -> list[int]:
    """The chat template around document and query, the document's end cut off where both don't fit."""
    frame = len(_chat(tokenizer, "", query))
    # A token more or less where the cut text meets the rest.
    room = CONTEXT_TOKENS - SUMMARY_TOKENS - frame - 8
    tokens = tokenizer.encode_as_text(document, add_special_tokens=False)
    text = document if len(tokens) <= room else tokenizer.decode(tokens[:room])
    return _chat(tokenizer, text, query)


def _chat(tokenizer: Tokenizer, document: str, query: str) -> list[int]:
    return tokenizer.chat_token_ids([{"role": "user", "content": f"{document}\n\n{query}"}])


def _classify(tokenizer: Tokenizer, data: Path | None, number: int) -> Task:
    every = tickets(data)
    names = sorted({ticket.label for ticket in every})
    rows = part(every, number, NUM_TICKETS)
    blank, asked = asyncio.run(_ask_worker(tokenizer, names, [row.text for row in rows]))
    prompts = [list(request.prompt_token_ids or ()) for request in asked]
    labelling = Labelling(
        choices=list(asked[0].choices or ()),
        blank_prompts=[list(request.prompt_token_ids or ()) for request in blank],
    )
    # A label has few tokens; what counts is the prompt.
    items = [Item(prompt, 1) for prompt in prompts]
    return Task(Turn(items, labelling), tuple(names.index(row.label) for row in rows))


class _Recorder:
    """An engine that notes what the worker asks of it, so that the prompts are those of a real job."""

    def __init__(self) -> None:
        self.requests: list[Request] = []

    def submit(self, request: Request) -> "Future[Any]":
        self.requests.append(request)
        count = len(request.choices or ())
        answer: Future[Any] = Future()
        answer.set_result(ChoiceScores((0.0,) * count, (1,) * count, Usage(0, 0, 0)))
        return answer


async def _ask_worker(
    tokenizer: Tokenizer, names: list[str], texts: list[str]
) -> tuple[list[Request], list[Request]]:
    """The requests of a classification job: those for its prior, and one for each text."""
    recorder = _Recorder()
    spec = ClassifySpec(labels=tuple(Label(name=name) for name in names))
    kind = Classify(spec, Model("benchmark", "", CONTEXT_TOKENS, tokenizer, recorder))
    await kind.prepare()
    num_blank = len(recorder.requests)
    for number, text in enumerate(texts):
        await kind.run(Row(id=str(number), text=text), text)
    return recorder.requests[:num_blank], recorder.requests[num_blank:]
