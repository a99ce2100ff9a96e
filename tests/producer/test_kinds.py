"""What is given on the command line is what the spec says."""

import pytest
import typer
from typer.testing import CliRunner

from jobs.spec import GenerateSpec, Spec
from producer.commands.compose import compose
from producer.commands.kinds.generate import generate
from producer.errors import UserError


def _spec(*arguments: str) -> Spec:
    asked: list[Spec] = []

    def act(spec: Spec) -> None:
        asked.append(spec)

    app = typer.Typer()
    app.command()(compose(generate, act))
    done = CliRunner().invoke(app, list(arguments))
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
    assert _spec(*arguments) == spec


def test_generate_checks_its_constraint_when_it_is_given() -> None:
    with pytest.raises(UserError, match="--regex"):
        generate(regex="(unclosed")
