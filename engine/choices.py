"""From the texts of choices to their trie, once for all the requests that have the same."""

from collections.abc import Sequence
from functools import lru_cache

from engine.errors import RequestError, RequestTooLong
from engine.shown import shortened
from engine.tokenizer import Tokenizer
from engine.trie import KEPT_TRIES, ChoiceTrie


class Choices:
    """Makes tries with a model's tokenizer and keeps the last few; safe to share between threads."""

    def __init__(self, tokenizer: Tokenizer, vocab_size: int, max_model_len: int) -> None:
        self._tokenizer = tokenizer
        self._vocab_size = vocab_size
        self._max_model_len = max_model_len
        self._kept = lru_cache(maxsize=KEPT_TRIES)(self._make)

    def trie(self, choices: Sequence[str]) -> ChoiceTrie:
        """The trie of some choices.

        Raises RequestError where one's tokens are none, another's or unknown, RequestTooLong where they
        leave no room for a prompt.
        """
        return self._kept(tuple(choices))

    def _make(self, choices: tuple[str, ...]) -> ChoiceTrie:
        by_token_ids: dict[tuple[int, ...], str] = {}
        for choice in choices:
            token_ids = tuple(self._tokenizer.encode_as_text(choice, add_special_tokens=False))
            if not token_ids:
                raise RequestError(f"the choice {choice!r} has no tokens: give texts that are not empty")
            if (length := len(token_ids)) >= self._max_model_len:
                raise RequestTooLong(
                    f"the choice {shortened(choice)} has {length} tokens, and with a prompt exceeds "
                    f"max_model_len={self._max_model_len}: shorten it"
                )
            if (largest := max(token_ids)) >= self._vocab_size:
                most = self._vocab_size - 1
                raise RequestError(
                    f"the choice {shortened(choice)} has token {largest}: the model knows 0 to {most}"
                )
            if (other := by_token_ids.get(token_ids)) is not None:
                both = f"{shortened(other)} and {shortened(choice)}"
                raise RequestError(f"the choices {both} are the same tokens: give one of them")
            by_token_ids[token_ids] = choice
        return ChoiceTrie.of(list(by_token_ids))
