"""What a spec refuses is told with the option's name and what is allowed, in one line."""

import pytest
from typer.testing import CliRunner

from jobs.manifest import Priority
from jobs.spec import Spec
from producer import options
from producer.cli import app
from producer.commands.compose import compose
from producer.commands.kinds.generate import generate
from producer.errors import UserError


def _act(spec: Spec) -> None:
    raise AssertionError(f"nothing may be done with {spec}")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"choices": ""}, "--choices can't be empty: give at least one"),
        ({"choices": "a,b,a"}, "--choices: the choice 'a' is given 2 times; each must differ"),
        ({"regex": ""}, "--regex can't be empty: give a text of at least 1 character"),
        ({"stop": [""]}, "--stop can't be empty: give a text of at least 1 character"),
        ({"min_p": 3.0}, "--min-p can't be 3.0: it must be less than or equal to 1"),
        ({"top_p": 0.0}, "--top-p can't be 0.0: it must be greater than 0"),
        (
            {"top_k": 3, "temperature": 0.0},
            "--top-k does nothing at --temperature 0: give a temperature above",
        ),
    ],
)
def test_what_a_spec_refuses_is_told_with_its_option(given: dict[str, object], told: str) -> None:
    defaults = {"max_tokens": 8, "temperature": 1.0}
    nothing = dict.fromkeys(("top_k", "top_p", "min_p", "seed", "stop", "system", "choices", "json_schema"))
    with pytest.raises(UserError) as error:
        compose(generate, _act)(**{**nothing, "regex": None, **defaults, **given})
    assert told in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("priority", "JOB", "urgnt"), "'PRIORITY': 'urgnt' is not one of urgent, standard, bulk"),
        (
            ("submit", "embed", "in", "--priority", "x"),
            "'--priority': 'x' is not one of urgent, standard, bulk",
        ),
        (
            ("run", "embed", "in", "--out", "o", "--format", "x"),
            "'--format': 'x' is not one of jsonl, csv, parquet",
        ),
    ],
)
def test_a_word_that_an_option_does_not_know_is_refused_in_plain_words(
    arguments: tuple[str, ...], told: str
) -> None:
    refused = CliRunner().invoke(app, arguments, env={"COLUMNS": "160"})
    assert refused.exit_code == 2
    assert f"Invalid value for {told}" in refused.output


def test_options_of_one_word_among_some_are_what_they_say() -> None:
    assert options.one_of(Priority)("bulk") is Priority.BULK
    given = CliRunner().invoke(app, ["submit", "embed", "--help"], env={"COLUMNS": "160"}).output
    assert "[urgent|standard|bulk]" in given
    assert "[default: standard]" in given
