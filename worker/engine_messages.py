"""What the worker and its engine process say to each other, over a pipe that only they hold."""

from dataclasses import dataclass

from engine import Abilities, BestChoice, ChoiceScores, Completion, Embedding, LabelScores, Request
from engine.abilities import DECODER

Result = Completion | ChoiceScores | BestChoice | Embedding | LabelScores


@dataclass(frozen=True, slots=True)
class Submit:
    request_id: int
    request: Request


@dataclass(frozen=True, slots=True)
class Cancel:
    request_id: int


@dataclass(frozen=True, slots=True)
class Loaded:
    fingerprint: str
    max_model_len: int
    num_layers: int = 1
    abilities: Abilities = DECODER
    runs_on: str = "cpu"  # and in which precision, for the log


@dataclass(frozen=True, slots=True)
class LoadFailed:
    message: str


@dataclass(frozen=True, slots=True)
class Stepped:
    """How many steps the engine has done since its start; told every second."""

    num_steps: int


@dataclass(frozen=True, slots=True)
class Logged:
    """A record of one of the engine's loggers; `level` is logging's."""

    logger: str
    level: int
    text: str


@dataclass(frozen=True, slots=True)
class DeviceGone:
    """The last word of an engine whose device was lost; what is in it has no other fault."""

    detail: str


@dataclass(frozen=True, slots=True)
class Finished:
    request_id: int
    result: Result


@dataclass(frozen=True, slots=True)
class Broken:
    """The request ended in an error; engine errors are plain exceptions that a pipe can carry."""

    request_id: int
    error: Exception


ToEngine = Submit | Cancel
FromEngine = Loaded | LoadFailed | Stepped | Logged | DeviceGone | Finished | Broken
