"""What is asked of the engine and what it answers: plain data, no torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Pool = Literal["mean", "last", "mean+last"]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How output tokens are chosen; a temperature of 0 takes the most likely one.

    The filters apply in transformers' order: repetition penalty, temperature, top-k, top-p. The repetition
    penalty counts prompt and output alike; `frequency_penalty` is taken off a token's logit for each time
    that the output alone holds it (OpenAI's API), so that a text may still quote its prompt. With a `seed`
    the draws are the same whatever else runs. `stop` strings end the output and are cut from its text.
    """

    max_tokens: int = 256
    temperature: float = 0.0
    top_k: int | None = None
    top_p: float | None = None
    repetition_penalty: float = 1.0
    frequency_penalty: float = 0.0
    seed: int | None = None
    stop: tuple[str, ...] = ()
    ignore_eos: bool = False
    logprobs: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """One prompt and what to do with it: generate (the default), score `choices`, or `pool` hidden states.

    Exactly one of `prompt` and `prompt_token_ids`. `layer` counts as transformers' `hidden_states` does: 0
    is the embeddings, n the output of the n-th layer, -1 the last after the final norm. The smallest
    `priority` runs first, then the earliest.
    """

    prompt: str | None = None
    prompt_token_ids: Sequence[int] | None = None
    sampling: Sampling = Sampling()
    choices: Sequence[str] | None = None
    pool: Pool | None = None
    layer: int = -1
    priority: int = 0


class FinishReason(StrEnum):
    """Why a sequence ended."""

    STOP = "stop"  # an end token, a stop string, or a score or embedding that is complete
    LENGTH = "length"  # max_tokens
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one request; `cached_tokens` of the prompt's came from the prefix cache."""

    prompt_tokens: int
    cached_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class Completion:
    """Generated tokens, an end token included, and their text without special tokens and stop string.

    `logprobs` holds the model's own log-probability of each token, before any penalty or temperature.
    """

    token_ids: tuple[int, ...]
    text: str
    finish_reason: FinishReason
    usage: Usage
    logprobs: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class ChoiceScores:
    """For each choice, the sum of its tokens' log-probabilities after the prompt, and how many they are."""

    choice_logprobs: tuple[float, ...]
    choice_token_counts: tuple[int, ...]
    usage: Usage


@dataclass(frozen=True, slots=True)
class Embedding:
    """Pooled hidden states; for `mean+last` the mean comes first."""

    embedding: tuple[float, ...]
    usage: Usage


@dataclass(frozen=True, slots=True)
class EngineStats:
    """A glance at the engine; the token counts, steps and preemptions are totals since its start."""

    blocks_total: int
    blocks_free: int
    blocks_cached: int
    running: int
    waiting: int
    preemptions: int
    prefix_hit_tokens: int
    prompt_tokens: int
    output_tokens: int
    steps: int
