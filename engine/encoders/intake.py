"""From a request to a text to encode, or to an error that says what to change; from values to an answer."""

from dataclasses import dataclass

from engine.abilities import Abilities
from engine.checks import problems
from engine.encoders.sentence import SentenceSettings
from engine.errors import RequestError, RequestTooLong
from engine.prompts import layer_place, prompt_token_ids
from engine.request import Embedding, LabelScores, Pool, Request
from engine.sequence import Sequence
from engine.tokenizer import Tokenizer
from engine.work import Encoding, VectorAsk


@dataclass(frozen=True, slots=True)
class EncoderLimits:
    """What one text may be. `max_positions` is what a larger `max_model_len` could be."""

    max_model_len: int
    max_positions: int
    vocab_size: int
    num_layers: int


class EncoderIntake:
    """Checks requests and makes sequences of them, in the caller's thread.

    A text that is too long is refused, as by a decoder, and not cut: what was cut off might be what the
    text is about, and nobody would know.
    """

    def __init__(
        self, tokenizer: Tokenizer, limits: EncoderLimits, abilities: Abilities, sentence: SentenceSettings
    ) -> None:
        self._tokenizer = tokenizer
        self._limits = limits
        self._abilities = abilities
        self._sentence = sentence

    def sequence_of(self, request: Request) -> Sequence:
        """The text to encode; raises RequestError, or RequestTooLong with the limit in it."""
        if problem := next(problems(request), None):
            raise RequestError(problem)
        work = Encoding(self._vector(request))
        token_ids = prompt_token_ids(request, self._tokenizer, self._limits.vocab_size)
        self._check_length(len(token_ids))
        return Sequence(token_ids, work, request.priority)

    def _vector(self, request: Request) -> VectorAsk | None:
        if request.labels:
            if self._abilities.labels is None:
                raise RequestError("the model has no labels of its own: ask it for vectors (pool)")
            return None
        if request.pool is None:
            ask = "pool" if self._abilities.labels is None else "labels=True, or pool"
            raise RequestError(f"the model is an encoder, which generates and continues nothing: give {ask}")
        return self._vector_of(request.pool, layer_place(request.layer, self._limits.num_layers))

    def _vector_of(self, pool: Pool, layer: int | None) -> VectorAsk:
        if pool == "default":
            return VectorAsk(self._sentence.pool, layer, self._sentence.normalize)
        return VectorAsk(pool, layer, normalize=False)

    def _check_length(self, num_tokens: int) -> None:
        if num_tokens <= self._limits.max_model_len:
            return
        more = ""
        if self._limits.max_model_len < self._limits.max_positions:
            more = f", or set max_model_len, which goes to {self._limits.max_positions} here"
        raise RequestTooLong(
            f"the prompt's {num_tokens} tokens exceed max_model_len={self._limits.max_model_len} tokens: "
            f"shorten it{more}"
        )

    def answer_of(self, sequence: Sequence) -> Embedding | LabelScores:
        """What a finished text's values say."""
        assert isinstance(sequence.work, Encoding)
        if sequence.work.vector is None:
            return LabelScores(sequence.work.values, sequence.usage)
        return Embedding(sequence.work.values, sequence.usage)
