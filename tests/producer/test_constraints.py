"""A regex or a schema that no answer can be held to is told with its option, before anything else happens."""

import sys
from typing import Any

import pytest

from jobs.spec import GenerateSpec
from producer.constraints import check_constraint
from producer.errors import UserError


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"regex": "(unclosed"}, "--regex '(unclosed' can't be used: unclosed group; write it"),
        ({"regex": "(?=a)b"}, "look-ahead and look-behind, is not supported"),
        (
            {"json_schema": '{"type": "nonsense"}'},
            "--json-schema can't be used: Invalid type: nonsense; change",
        ),
        ({"json_schema": '{"not": {}}'}, "--json-schema can't be used: Unimplemented keys"),
    ],
)
def test_what_no_answer_can_be_held_to_is_told_in_one_line_with_its_option(given: Any, told: str) -> None:
    with pytest.raises(UserError) as error:
        check_constraint(GenerateSpec(**given))
    assert told in str(error.value)
    assert "\n" not in str(error.value)
    assert "start:" not in str(error.value)


@pytest.mark.parametrize(
    "given", [{}, {"choices": ("(a",)}, {"regex": "[a-z/]+"}, {"json_schema": '{"type": "object"}'}]
)
def test_what_an_answer_can_be_held_to_passes(given: Any) -> None:
    check_constraint(GenerateSpec(**given))


def test_where_the_library_is_not_installed_the_worker_judges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "llguidance", None)
    check_constraint(GenerateSpec(regex="(unclosed"))
