"""What the benchmark and a system's process say to each other: one JSON object a line, through its pipes."""

import ctypes
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, TextIO

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


@dataclass(frozen=True)
class Item:
    """One request: the prompt's token ids, and how many tokens to generate whatever they are."""

    prompt: list[int]
    max_tokens: int


@dataclass(frozen=True)
class Labelling:
    """Makes a turn a classification: which label follows each prompt.

    `blank_prompts` hold texts without content, for a system that subtracts what a label gets anyway.
    """

    choices: list[str]
    blank_prompts: list[list[int]]


@dataclass(frozen=True)
class Turn:
    """What one system is to run at once, greedily."""

    items: list[Item]
    labelling: Labelling | None = None


@dataclass(frozen=True)
class Answer:
    """How long a turn took and what came of it, item by item.

    `token_ids` is empty for a system that tells only their number. `labels` are numbers of choices, None
    for an answer that is none of them.
    """

    seconds: float
    num_tokens: list[int]
    token_ids: list[list[int]] = field(default_factory=list)
    labels: list[int | None] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)


Run = Callable[[Turn], Answer]


def turn_from(message: dict[str, Any]) -> Turn:
    """The turn that a line holds."""
    labelling = message["labelling"]
    return Turn(
        [Item(**item) for item in message["items"]], None if labelling is None else Labelling(**labelling)
    )


def serve(load: Callable[[dict[str, Any]], tuple[Run, dict[str, str]]]) -> None:
    """Load a system with the settings in argv[1], say its versions, and run the turns that come in."""
    _die_with_parent()
    replies = _take_stdout()
    try:
        run, versions = load(json.loads(sys.argv[1]))
        _say(replies, {"versions": versions})
        for line in sys.stdin:
            _say(replies, asdict(run(turn_from(json.loads(line)))))
    except Exception as error:
        traceback.print_exc()
        _say(replies, {"error": f"{type(error).__name__}: {error}"})
        # Not sys.exit: threads and child processes of a broken system may never let it end.
        sys.stderr.flush()
        os._exit(1)


def _take_stdout() -> TextIO:
    """The pipe to the benchmark; what a library prints goes to the log from now on."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return replies


def _say(replies: TextIO, message: dict[str, Any]) -> None:
    replies.write(json.dumps(message) + "\n")
    replies.flush()


def _die_with_parent() -> None:
    # A process that is stopped while it waits would not even see that its pipe has closed.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
