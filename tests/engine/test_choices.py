"""Requests with the same choices share one trie."""

import pytest

from engine import RequestTooLong
from engine.choices import Choices
from engine.tokenizer import Tokenizer
from engine.trie import KEPT_TRIES
from tests.engine.conftest import ModelFolder


def test_the_same_choices_are_encoded_once_and_the_last_few_are_kept(model_folder: ModelFolder) -> None:
    choices = Choices(Tokenizer(model_folder("llama")), vocab_size=320, max_model_len=384)
    first = choices.trie(["a", "bug"])
    assert choices.trie(("a", "bug")) is first
    assert choices.trie(["bug", "a"]) is not first
    for number in range(KEPT_TRIES):
        choices.trie([f"label {number}"])
    assert choices.trie(["a", "bug"]) is not first


def test_a_choice_that_leaves_no_room_for_a_prompt_is_refused(model_folder: ModelFolder) -> None:
    choices = Choices(Tokenizer(model_folder("llama")), vocab_size=320, max_model_len=9)
    assert choices.trie(["z" * 8]).max_depth == 8
    with pytest.raises(RequestTooLong, match=r"the choice 'zzzzzzzzz' has 9 tokens.* max_model_len=9"):
        choices.trie(["a", "z" * 9])
