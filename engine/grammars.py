"""From a constraint to a matcher, or to an error that says what is wrong with it."""

import json
from functools import cached_property, lru_cache
from importlib import import_module
from threading import Lock
from typing import Any

from engine.constraint import Choice, Constraint, JsonSchema, Regex, shown
from engine.errors import ModelError, RequestError
from engine.matcher import Matcher, reason_of
from engine.tokenizer import Tokenizer

# Where a model may choose white space, it may do so for ever, and each is a token that says nothing.
JSON_OPTIONS = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
# The library makes tokens of a text that must come as the tokenizer does, and of one that spells a control
# token the control token, which the grammar then refuses. So there the model finds the tokens by itself.
NO_FORCING = '%llguidance {"no_forcing": true}\n'
MOST_CHARACTERS = 200_000  # compile in about a second
MOST_TEXTS = 10_000
KEPT_GRAMMARS = 64  # the rows of a job share one


class Grammars:
    """Compiles constraints for one tokenizer; safe to share between threads.

    The library and its view of the vocabulary, which takes a second to make, are loaded at the first use.
    """

    def __init__(self, tokenizer: Tokenizer, vocab_size: int) -> None:
        self._tokenizer = tokenizer
        self._vocab_size = vocab_size
        self._compile = lru_cache(maxsize=KEPT_GRAMMARS)(self._compile_anew)
        self._lock = Lock()

    def matcher(self, constraint: Constraint, end_token_ids: frozenset[int]) -> Matcher:
        """A matcher at the beginning; raises RequestError, or ModelError for the tokenizer."""
        grammar = self._grammar(constraint)
        with self._lock:
            machine = self._compile(grammar)
        if reason := reason_of(machine):
            raise RequestError(f"constraint={shown(constraint)}: {reason}")
        try:
            matcher = Matcher(machine.deep_copy(), end_token_ids, self._known_eos)
        except RequestError as error:
            raise RequestError(f"constraint={shown(constraint)}: {error}") from error
        if matcher.is_complete:
            raise RequestError(f"constraint={shown(constraint)}: it allows nothing but the empty text")
        return matcher

    def _compile_anew(self, grammar: str) -> Any:
        limits = self._library.LLParserLimits(verbose_errors=False)
        return self._library.LLMatcher(self._vocabulary, grammar, log_level=0, limits=limits)

    def _grammar(self, constraint: Constraint) -> str:
        try:
            grammar = self._plain_grammar(constraint)
            return _unforced(grammar) if self._tokenizer.spells_control_token(grammar) else grammar
        except (ValueError, TypeError, RecursionError) as error:
            raise RequestError(f"constraint={shown(constraint)}: {error}") from error

    def _plain_grammar(self, constraint: Constraint) -> str:
        make = self._library.LLMatcher
        match constraint:
            case Choice(texts):
                return str(make.grammar_from_lark("start: " + " | ".join(map(_quoted, _measured(texts)))))
            case Regex(pattern):
                return str(make.grammar_from_regex(*_measured((pattern,))))
            case JsonSchema(schema):
                return str(make.grammar_from_json_schema(*_measured((_schema_text(schema),)), JSON_OPTIONS))

    @cached_property
    def _library(self) -> Any:
        try:
            return import_module("llguidance")
        except ImportError as error:
            raise RequestError(
                "a constraint needs the package llguidance: in bydawn's folder, pip install '.[worker]'"
            ) from error

    @cached_property
    def _known_eos(self) -> frozenset[int]:
        return frozenset(self._vocabulary.eos_tokens)

    @cached_property
    def _vocabulary(self) -> Any:
        # Logits may have more columns than there are tokens, and seldom fewer.
        size = max(self._vocab_size, self._tokenizer.vocab_size)
        eos = sorted(self._tokenizer.eos_token_ids) or None
        try:
            return self._library.LLTokenizer(self._tokenizer.to_json(), n_vocab=size, eos_token=eos)
        except ValueError as error:
            raise ModelError(f"the model's tokenizer cannot be held to a constraint: {error}") from error


def _measured(texts: tuple[str, ...]) -> tuple[str, ...]:
    """The texts if they are few and short enough to compile, or else ValueError."""
    if len(texts) > MOST_TEXTS:
        raise ValueError(f"it has {len(texts)} texts: use at most {MOST_TEXTS}")
    if (length := sum(map(len, texts))) > MOST_CHARACTERS:
        raise ValueError(f"it has {length} characters: use at most {MOST_CHARACTERS}")
    return texts


def _quoted(value: Any) -> str:
    """A text or more as JSON, which a grammar in Lark's syntax may hold; that knows no DEL."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False).replace("\x7f", r"\u007f")


def _unforced(grammar: str) -> str:
    """A grammar of the library's, in either of its forms, with NO_FORCING."""
    if grammar.startswith("start:"):
        return NO_FORCING + grammar
    (only,) = json.loads(grammar)["grammars"]
    return NO_FORCING + (only.get("lark_grammar") or f"start: %json {_quoted(only['json_schema'])}")


def _schema_text(schema: str | dict[str, Any]) -> str:
    """The schema as JSON, always written alike; raises ValueError, TypeError or RecursionError."""
    given = json.loads(schema) if isinstance(schema, str) else schema
    if not isinstance(given, dict):
        raise ValueError("a schema is a JSON object")
    return _quoted(given)
