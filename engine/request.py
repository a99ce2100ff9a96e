"""What is asked of the engine and what it answers: plain data, no torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import exp
from typing import Literal

from engine.constraint import Constraint

Pool = Literal["default", "mean", "last", "mean+last", "cls"]
TopLogprobs = tuple[tuple[int, float], ...]  # token ids with their log-probabilities, likeliest first


@dataclass(frozen=True, slots=True)
class Sampling:
    """How output tokens are chosen; a temperature of 0 takes the most likely one.

    The filters apply in transformers' order: repetition penalty, temperature, top-k, top-p, min-p, which
    leaves out tokens less likely than `min_p` times the likeliest. At a temperature of 0 the last three are
    refused. The repetition penalty counts prompt and output alike; `frequency_penalty` is taken off a
    token's logit for each time that the output alone holds it (OpenAI's API), so that a text may still quote
    its prompt. With a `seed` the draws are the same in any company, up to rounding; sample i of `n` is drawn
    with `sample_seed(seed, i)`.

    The output ends with one of `stop_token_ids`, or of the model's own end tokens unless `ignore_eos`, and
    at `stop` strings; they are cut from its text. `logprobs` asks for each token's log-probability, and for
    those of as many of the likeliest tokens. A `constraint` holds the output to a grammar: it ends with
    STOP only where the grammar is satisfied, unless a stop string cuts it, and with LENGTH anywhere.
    """

    max_tokens: int = 256
    temperature: float = 0.0
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    repetition_penalty: float = 1.0
    frequency_penalty: float = 0.0
    seed: int | None = None
    n: int = 1
    stop: tuple[str, ...] = ()
    stop_token_ids: tuple[int, ...] = ()
    ignore_eos: bool = False
    logprobs: int | None = None
    constraint: Constraint | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """One prompt and what to do with it: generate (the default), score `choices`, `pool` hidden states, or
    score the model's own `labels`.

    Exactly one of `prompt` and `prompt_token_ids`. `layer` counts as transformers' `hidden_states` does: 0
    is the embeddings, n the output of the n-th layer, -1 the last after the final norm. The smallest
    `priority` runs first, then the earliest.

    `pool="default"` is what a sentence encoder's folder says, made a unit vector where it says so, and the
    mean for other models; "cls", an encoder's first token, is nothing of a decoder's.

    `best_only` asks for nothing but the choice whose log-probability is greatest, which takes less
    computing than all of them; of equals, the first. `choice_bias`, one number a choice, is added before
    they are compared.
    """

    prompt: str | None = None
    prompt_token_ids: Sequence[int] | None = None
    sampling: Sampling = Sampling()
    choices: Sequence[str] | None = None
    best_only: bool = False
    choice_bias: Sequence[float] | None = None
    pool: Pool | None = None
    layer: int = -1
    labels: bool = False
    priority: int = 0


class FinishReason(StrEnum):
    """Why a sequence ended."""

    STOP = "stop"  # an end token, a stop string, or a constraint, score or embedding that is complete
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
    """Generated tokens, an end token included, and their text without end token, special tokens, stop string.

    `logprobs` holds the model's own log-probability of each token, before any penalty, temperature or
    constraint, and `top_logprobs` those of the likeliest tokens in its place; None if not asked for.
    """

    token_ids: tuple[int, ...]
    text: str
    finish_reason: FinishReason
    usage: Usage
    logprobs: tuple[float, ...] | None = None
    top_logprobs: tuple[TopLogprobs, ...] | None = None


@dataclass(frozen=True, slots=True)
class Completions:
    """The answer where `n` is above 1: the samples in order.

    This `usage` is the request's, the prompt counted once; a sample's own counts the prompt again, which
    it had from the prefix cache if there was room.
    """

    samples: tuple[Completion, ...]
    usage: Usage


@dataclass(frozen=True, slots=True)
class ChoiceScores:
    """For each choice, the sum of its tokens' log-probabilities after the prompt, and how many they are."""

    choice_logprobs: tuple[float, ...]
    choice_token_counts: tuple[int, ...]
    usage: Usage


@dataclass(frozen=True, slots=True)
class BestChoice:
    """The best choice's place in the request, its log-probability without the bias, and its tokens' count."""

    index: int
    logprob: float
    token_count: int
    usage: Usage


@dataclass(frozen=True, slots=True)
class Embedding:
    """Pooled hidden states; for `mean+last` the mean comes first."""

    embedding: tuple[float, ...]
    usage: Usage


@dataclass(frozen=True, slots=True)
class LabelScores:
    """The log-probability of each of the model's own labels, in its order (`Abilities.labels`)."""

    label_logprobs: tuple[float, ...]
    usage: Usage

    @property
    def scores(self) -> tuple[float, ...]:
        """The probabilities: they sum to 1 unless the labels are independent of each other."""
        return tuple(map(exp, self.label_logprobs))


@dataclass(frozen=True, slots=True)
class EngineStats:
    """A glance at the engine: what is now, and totals since its start.

    A batch is what one step computes; `batch_tokens / steps` is their mean size. `kv_wasted_tokens` counts
    the room in the running sequences' blocks that holds no token. `scheduling_s` is the part of `step_s` in
    which the runner waits for the scheduler. Of the host's own time, `launching_s` goes into handing steps to
    the runner, which on a CPU computes them then, `waiting_s` into waiting for their results, `taking_s` into
    what these mean for their sequences. `max_batch_tokens` is what a step may be now: less than was
    configured where memory ran out, which happened `out_of_memory_retries` times. An encoder has no blocks;
    it computes `padding_tokens` for nothing, where texts of a batch are not of one length. On a GPU,
    `graph_hits` steps replayed a CUDA graph, and `graph_misses` launched their kernels one by one.
    """

    blocks_total: int
    blocks_free: int
    blocks_cached: int
    kv_wasted_tokens: int
    running: int
    waiting: int
    max_batch_tokens: int
    last_batch_tokens: int
    last_batch_sequences: int
    # Totals.
    preemptions: int
    prefix_hit_tokens: int
    prompt_tokens: int
    output_tokens: int
    steps: int
    batch_tokens: int
    batch_sequences: int
    scheduling_s: float
    step_s: float
    launching_s: float
    waiting_s: float
    taking_s: float
    out_of_memory_retries: int
    padding_tokens: int = 0
    graph_hits: int = 0
    graph_misses: int = 0
