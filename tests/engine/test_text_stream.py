"""Text comes out whole, whatever the tokens cut through, and stop strings never do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.fakes import stream

BYTES = {n: bytes([n]) for n in range(256)}


@given(st.text(max_size=30))
def test_characters_spread_over_tokens_come_out_whole(text: str) -> None:
    watched = stream(BYTES, stop=())
    for byte in text.encode():
        assert not watched.append(byte)
        assert text.startswith(watched.text)
    watched.finish()
    assert watched.text == text


@pytest.mark.parametrize("text", ["ab\n\nUser: c", "ab\n\n", "ab\n\nUser\n\n"])
def test_a_stop_string_across_tokens_is_cut_off(text: str) -> None:
    watched = stream(BYTES, stop=("User:", "\n\n"))
    stopped = [watched.append(byte) for byte in text.encode()]
    assert stopped.index(True) == 3


def test_a_stop_string_that_begins_and_ends_within_tokens_is_cut_off() -> None:
    watched = stream({0: b"ab\n", 1: b"\nUs", 2: b"er: c"}, stop=("User:", "\n\n"))
    assert [watched.append(0), watched.append(1)] == [False, True]
    assert watched.text == "ab"


def test_the_first_of_several_stop_strings_in_a_token_counts() -> None:
    watched = stream({0: b"one two three"}, stop=("three", "two"))
    assert watched.append(0)
    assert watched.text == "one "


def test_an_incomplete_character_is_written_at_the_end() -> None:
    watched = stream(BYTES, stop=())
    watched.append(0xC3)
    assert watched.text == ""
    assert not watched.finish()
    assert watched.text == "\N{REPLACEMENT CHARACTER}"


def test_a_stop_string_that_was_held_back_is_found_at_the_end() -> None:
    watched = stream({0: b"a;\xc3"}, stop=(";",))
    assert not watched.append(0)
    assert watched.finish()
    assert watched.text == "a"
