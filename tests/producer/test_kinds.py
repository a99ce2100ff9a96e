"""What is given on the command line is what the spec says."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from pydantic import ValidationError
from typer.testing import CliRunner

from jobs.prompt_template import PromptTemplate
from jobs.spec import GenerateSpec, Spec, SummarizeSpec
from producer.cli import app
from producer.commands.compose import compose
from producer.commands.kinds.generate import generate
from producer.commands.kinds.summarize import summarize
from producer.errors import UserError
from producer.spec_errors import as_user_error


def _spec(make_spec: Callable[..., Spec], *arguments: str) -> Spec:
    asked: list[Spec] = []

    def act(spec: Spec) -> None:
        asked.append(spec)

    kind = typer.Typer()
    kind.command()(compose(make_spec, act))
    done = CliRunner().invoke(kind, list(arguments))
    assert done.exit_code == 0, done.output
    return asked[0]


@pytest.mark.parametrize(
    ("arguments", "spec"),
    [
        ((), GenerateSpec()),
        (("--temperature", "1", "--seed", "-7"), GenerateSpec(temperature=1, seed=-7)),
        (("--temperature", "1", "--top-p", "0.9"), GenerateSpec(temperature=1, top_p=0.9)),
        (("--stop", "\n", "--stop", "END"), GenerateSpec(stop=("\n", "END"))),
    ],
)
def test_the_options_of_generate_are_in_its_spec(arguments: tuple[str, ...], spec: Spec) -> None:
    assert _spec(generate, *arguments) == spec


def test_generate_checks_its_constraint_when_it_is_given() -> None:
    with pytest.raises(UserError, match="--regex"):
        generate(regex="(unclosed")


@pytest.mark.parametrize(
    ("arguments", "spec"),
    [
        ((), SummarizeSpec(max_words=120)),
        (("--style", "headline"), SummarizeSpec(style="headline", max_words=15)),
        (("--style", "headline", "--max-words", "8"), SummarizeSpec(style="headline", max_words=8)),
        (("--language", " German ", "--focus", "Who?"), SummarizeSpec(language="German", focus="Who?")),
        (("--strategy", "refine"), SummarizeSpec(strategy="refine")),
    ],
)
def test_the_options_of_summarize_are_in_its_spec(arguments: tuple[str, ...], spec: Spec) -> None:
    assert _spec(summarize, *arguments) == spec


def test_a_prompt_file_is_in_the_spec_with_its_hash(tmp_path: Path) -> None:
    file = tmp_path / "memo.jinja"
    file.write_text("{{ text }}\nAs a memo.")
    spec = _spec(summarize, "--prompt-file", str(file))
    assert spec == SummarizeSpec(prompt=PromptTemplate.of("{{ text }}\nAs a memo."))


def test_a_prompt_file_that_cannot_be_used_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "memo.jinja"
    file.write_text("{{ txet }}")
    with pytest.raises(UserError, match=r"--prompt-file .*memo\.jinja: .*'txet'; did you mean 'text'"):
        summarize(prompt_file=file)
    file.write_bytes(b"\xff{{ text }}")
    with pytest.raises(UserError, match="not UTF-8"):
        summarize(prompt_file=file)
    with pytest.raises(UserError, match="No such file"):
        summarize(prompt_file=tmp_path / "none")


@pytest.mark.parametrize("key", ["", " ", "\t"])
def test_a_key_that_stands_for_nothing_is_refused(key: str) -> None:
    refused = CliRunner().invoke(app, ["submit", "embed", "t.csv", "--idempotency-key", key])
    assert isinstance(refused.exception, UserError)
    assert "--idempotency-key is empty" in str(refused.exception)


@pytest.mark.parametrize("option", ["--limit", "--sample"])
def test_a_number_of_rows_beyond_any_input_is_refused_by_its_option(option: str) -> None:
    refused = CliRunner().invoke(app, ["submit", "embed", "t.csv", option, str(10**30)])
    assert refused.exit_code == 2
    assert option in refused.output
    assert "1000000000" in refused.output


@pytest.mark.parametrize(
    ("option", "given", "words"),
    [
        ("style", "essay", "'paragraph', 'bullets'"),
        ("strategy", "map", "'auto', 'stuff'"),
        ("language", "a\nb", "match"),
    ],
)
def test_what_a_summary_cannot_be_is_refused_by_option(option: str, given: str, words: str) -> None:
    options: Any = {option: given}
    with pytest.raises(ValidationError) as refused:
        summarize(**options)
    message = str(as_user_error(refused.value))
    assert message.startswith(f"--{option}")
    assert words in message
