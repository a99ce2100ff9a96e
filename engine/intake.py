"""From a request to a sequence, or to an error that says what to change; from a sequence to its answer."""

import secrets
from collections.abc import Sequence as Seq
from dataclasses import dataclass

from engine.best_choice import BestChoiceSearch
from engine.checks import problems
from engine.choices import Choices
from engine.detokenizer import TextStream
from engine.encoders.sentence import NOTHING_SAID, SentenceSettings
from engine.errors import RequestError, RequestTooLong
from engine.grammars import Grammars
from engine.prompts import layer_place, prompt_token_ids
from engine.request import (
    BestChoice,
    ChoiceScores,
    Completion,
    Completions,
    Embedding,
    Pool,
    Request,
    Sampling,
    Usage,
)
from engine.seeds import sample_seed
from engine.sequence import Sequence
from engine.tokenizer import Tokenizer
from engine.work import Encoding, Generation, Pooling, Scoring, Work

Answer = Completion | Completions | ChoiceScores | BestChoice | Embedding


@dataclass(frozen=True, slots=True)
class Limits:
    """What one sequence may be; `max_model_len` counts text, `max_kv_tokens` also the trie of its choices."""

    max_model_len: int
    max_kv_tokens: int
    vocab_size: int
    num_layers: int


class Intake:
    """Checks requests and makes sequences of them, in the caller's thread."""

    def __init__(
        self, tokenizer: Tokenizer, limits: Limits, sentence: SentenceSettings = NOTHING_SAID
    ) -> None:
        self._tokenizer = tokenizer
        self._sentence = sentence
        self._limits = limits
        self._choices = Choices(tokenizer, limits.vocab_size, limits.max_model_len)
        self._grammars = Grammars(tokenizer, limits.vocab_size)

    def sequences_of(self, request: Request) -> list[Sequence]:
        """A request's sequences, one or `n`; raises RequestError, or RequestTooLong with the limit in it."""
        if problem := next(problems(request), None):
            raise RequestError(problem)
        token_ids = prompt_token_ids(request, self._tokenizer, self._limits.vocab_size)
        works = self._works(request)
        self._check_length(len(token_ids), works[0])
        return [Sequence(list(token_ids), work, request.priority) for work in works]

    def _works(self, request: Request) -> list[Work]:
        if request.choices is not None:
            return [self._scoring(request, request.choices)]
        if request.labels:
            raise RequestError("the model has no labels of its own: give it choices, or take a classifier")
        if request.pool is not None:
            return [self._pooling(request.pool, layer_place(request.layer, self._limits.num_layers))]
        sampling = request.sampling
        seed = secrets.randbits(64) if sampling.seed is None else sampling.seed
        return [self._generation(sampling, sample_seed(seed, index)) for index in range(sampling.n)]

    def _pooling(self, pool: Pool, layer: int | None) -> Pooling:
        given = SentenceSettings(pool) if pool != "default" else self._sentence
        if given.pool == "cls":
            raise RequestError("pool='cls' is an encoder's, this is a decoder: use mean, last or mean+last")
        return Pooling(given.pool, layer, given.normalize)

    def _generation(self, sampling: Sampling, seed: int) -> Generation:
        end_token_ids = self._end_token_ids(sampling)
        stream = TextStream(self._tokenizer.decode, sampling.stop) if sampling.stop else None
        constraint = sampling.constraint
        matcher = None if constraint is None else self._grammars.matcher(constraint, end_token_ids)
        return Generation(sampling, end_token_ids, seed, stream, matcher)

    def _end_token_ids(self, sampling: Sampling) -> frozenset[int]:
        for token_id in sampling.stop_token_ids:
            if not 0 <= token_id < self._limits.vocab_size:
                raise RequestError(f"stop_token_ids has {token_id}: use 0 to {self._limits.vocab_size - 1}")
        given = frozenset(sampling.stop_token_ids)
        return given if sampling.ignore_eos else given | self._tokenizer.eos_token_ids

    def _scoring(self, request: Request, choices: Seq[str]) -> Scoring:
        trie = self._choices.trie(choices)
        if not request.best_only:
            return Scoring(trie)
        bias = request.choice_bias if request.choice_bias is not None else [0.0] * len(choices)
        return Scoring(trie, BestChoiceSearch(trie, tuple(map(float, bias))))

    def _check_length(self, prompt: int, work: Work) -> None:
        longest, kv_tokens, what = prompt, prompt, f"the prompt's {prompt} tokens"
        if isinstance(work, Generation):
            longest = kv_tokens = prompt + work.sampling.max_tokens
            what += f" and max_tokens={work.sampling.max_tokens}"
        elif isinstance(work, Scoring):
            longest = prompt + work.trie.max_depth
            kv_tokens = prompt + len(work.trie.token_ids)
            what += f" and the choices' ({work.trie.max_depth} the longest, {kv_tokens - prompt} to compute)"
        if longest > self._limits.max_model_len:
            raise RequestTooLong(
                f"{what} exceed max_model_len={self._limits.max_model_len} tokens: shorten them"
            )
        if kv_tokens > self._limits.max_kv_tokens:
            raise RequestTooLong(
                f"{what} exceed the KV cache's {self._limits.max_kv_tokens} tokens: give fewer choices, "
                "or the engine a larger kv_cache_bytes"
            )

    def answer_of(self, *sequences: Sequence) -> Answer:
        """What a request's finished sequences have to say."""
        answers = [self._answer(sequence) for sequence in sequences]
        return answers[0] if len(answers) == 1 else _together(answers)

    def _answer(self, sequence: Sequence) -> Completion | ChoiceScores | BestChoice | Embedding:
        match sequence.work:
            case Scoring() as scoring:
                return _scored(sequence, scoring)
            case Pooling() as pooling:
                return Embedding(pooling.embedding(sequence.num_prompt_tokens), sequence.usage)
            case Generation() as generation:
                return self._completion(sequence, generation)
            case Encoding():
                raise AssertionError("only an encoder encodes")

    def _completion(self, sequence: Sequence, generation: Generation) -> Completion:
        assert sequence.finish_reason is not None
        token_ids = tuple(sequence.output_token_ids)
        text_token_ids = token_ids[:-1] if token_ids[-1] in generation.stop_token_ids else token_ids
        asked = generation.sampling.logprobs
        return Completion(
            token_ids=token_ids,
            text=generation.stream.text if generation.stream else self._tokenizer.decode(text_token_ids),
            finish_reason=sequence.finish_reason,
            usage=sequence.usage,
            logprobs=None if asked is None else tuple(generation.logprobs),
            top_logprobs=tuple(generation.top_logprobs) if asked else None,
        )


def _scored(sequence: Sequence, scoring: Scoring) -> ChoiceScores | BestChoice:
    counts = tuple(len(path) for path in scoring.trie.choices)
    if scoring.search is None:
        return ChoiceScores(scoring.choice_logprobs(), counts, sequence.usage)
    best = scoring.search.best(scoring.edge_logprobs)
    return BestChoice(best, scoring.choice_logprob(best), counts[best], sequence.usage)


def _together(answers: Seq[Answer]) -> Completions:
    samples = tuple(answer for answer in answers if isinstance(answer, Completion))
    first = samples[0].usage
    output_tokens = sum(sample.usage.output_tokens for sample in samples)
    return Completions(samples, Usage(first.prompt_tokens, first.cached_tokens, output_tokens))
