"""A user's prompt is checked before the job starts, and can do nothing but fill in words."""

import hashlib
import time
from typing import Any

import pytest
from pydantic import ValidationError

from jobs.prompt_template import MAX_CHARS, MAX_DEPTH, VARIABLES, PromptTemplate, compiled
from jobs.spec import SummarizeSpec

VALUES: dict[str, Any] = {name: name.upper() for name in VARIABLES} | {"focus": ""}


def _reason(text: str) -> str:
    with pytest.raises(ValueError, match="prompt") as refused:
        PromptTemplate.of(text)
    return str(refused.value)


def test_a_prompt_is_filled_in_and_known_by_its_hash() -> None:
    prompt = PromptTemplate.of(
        "{{ title | trim }}{% if focus %}, on {{ focus }}{% else %} whole{% endif %}:\n{{ text }}\n"
        "In {{ max_words }} words, {{ 'as a memo' if style == 'paragraph' else style }}."
    )
    assert prompt.render(VALUES) == "TITLE whole:\nTEXT\nIn MAX_WORDS words, STYLE."
    assert prompt.uses("focus")
    assert not prompt.uses("language")
    assert PromptTemplate.model_validate_json(prompt.model_dump_json()) == prompt


def test_the_text_may_be_trimmed_and_joined_to_words() -> None:
    assert PromptTemplate.of("{{ 'Of: ' ~ text | trim }}").render(VALUES) == "Of: TEXT"


def test_a_prompt_that_is_not_what_its_hash_says_is_refused() -> None:
    changed = PromptTemplate.of("{{ text }}").model_dump() | {"text": "{{ text }} now"}
    with pytest.raises(ValidationError, match="sha256"):
        PromptTemplate.model_validate(changed)


def _unchecked(text: str) -> PromptTemplate:
    """As in a manifest that another client wrote."""
    return PromptTemplate(text=text, sha256=hashlib.sha256(text.encode()).hexdigest())


def test_a_jobs_prompt_is_read_without_being_parsed_again() -> None:
    assert _unchecked("{{ no Jinja at all").text


def test_what_could_hang_a_worker_is_refused_there_too() -> None:
    prompt = _unchecked("{{ text }}{% for a in range(99999) %}x{% endfor %}")
    with pytest.raises(ValueError, match="has a for, which a prompt can't have"):
        prompt.render(VALUES)
    with pytest.raises(ValidationError, match="has a for, which a prompt can't have"):
        SummarizeSpec(prompt=prompt, focus="Who pays?")


def test_a_prompt_is_compiled_once_for_all_rows() -> None:
    assert compiled("{{ text }} once") is compiled("{{ text }} once")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{{ text }", "line 1 of the prompt is no Jinja"),
        ("a\n{% if %}{{ text }}", "line 2 of the prompt is no Jinja"),
        ("Summarize!", "must have {{ text }} in it once, not 0 times"),
        ("{{ text }}{{ text }}", "once, not 2 times"),
        ("{{ text }} {{ max_word }}", "unknown variable 'max_word'; did you mean 'max_words'?"),
        ("{{ text }} {{ self }}", "unknown variable 'self'"),
        ("{% if language %}{{ text }}{% endif %}", "leaves {{ text }} out in some case"),
        ("{% if text %}x{% endif %}", "leaves {{ text }} out"),
        ("{% if max_words > 100 %}Say something.{% else %}{{ text }}{% endif %}", "outside of every if"),
        ("{{ 'Say something.' if style == 'bullets' else text }}", "leaves {{ text }} out"),
        ("{{ title == 'a.txt' or text }}", "leaves {{ text }} out"),
        ("{{ text }} {{ 1 < title }}", "can't be filled in"),
        ("{{ text }}" + "x" * MAX_CHARS, "allowed are 16,384"),
        ("{{ text }}{% if " + "<".join("1" * 600) + " %}x{% endif %}", "allowed are 500"),
    ],
)
def test_a_prompt_that_cannot_be_used_is_refused_with_the_reason(text: str, reason: str) -> None:
    assert reason in _reason(text)


@pytest.mark.parametrize(
    "attack",
    [
        "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}",
        "{{ 'x' * 999999999 }}",
        "{{ 9 ** 9999999 }}",
        "{{ text.__class__.__mro__ }}",
        "{{ text['__class__'] }}",
        "{{ text | attr('__class__') }}",
        "{{ text | center(999999999) }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ lipsum() }}",
        "{% include '/etc/hostname' %}",
        "{% import 'os' as os %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% set a = 'x' %}",
        "{{ [text] }}",
        "{% if text is defined %}{% endif %}",
    ],
)
def test_what_could_hang_burst_or_break_out_is_refused_at_once(attack: str) -> None:
    started = time.monotonic()
    reason = _reason(f"{{{{ text }}}} {attack}")
    assert "prompt" in reason
    assert time.monotonic() - started < 20


@pytest.mark.parametrize(
    "deep",
    [
        "{% if focus %}" * 600 + "x" + "{% endif %}" * 600,
        "{{ " + "(" * 6000 + "1" + ")" * 6000 + " }}",
        "{% if " + " or ".join(["focus"] * 240) + " %}x{% endif %}",
        "{% if " + " or ".join(["focus"] * 1500) + " %}x{% endif %}",
        "{{ title" + "|trim" * 240 + " }}",
        "{{ title" + "|trim" * 3000 + " }}",
        "{% if " + "not " * 3000 + "focus %}x{% endif %}",
    ],
    ids=lambda deep: deep[:20],
)
def test_a_prompt_nested_beyond_sense_is_refused_with_a_remedy(deep: str) -> None:
    assert "nested too deep; allowed are 50 levels" in _reason("{{ text }}" + deep)


@pytest.mark.parametrize(
    "deep",
    [
        "{% if style %}" * (MAX_DEPTH - 2) + "x" + "{% endif %}" * (MAX_DEPTH - 2),
        "{% if " + " or ".join(["focus"] * (MAX_DEPTH - 2)) + " %}x{% endif %}",
        "{{ title" + "|trim" * (MAX_DEPTH - 2) + " }}",
    ],
    ids=lambda deep: deep[:20],
)
def test_a_prompt_as_deep_as_is_allowed_can_be_used(deep: str) -> None:
    assert "TEXT" in PromptTemplate.of("{{ text }}" + deep).render(VALUES)
