"""Whether an answer can be held to a regex or a schema at all, told before a model is loaded for it."""

import re
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from jobs.spec import GenerateSpec
from producer.errors import UserError


def check_constraint(spec: GenerateSpec) -> None:
    """Refuse what the worker's grammar library refuses; where it isn't installed, only workers can tell."""
    if (spec.regex is None and spec.json_schema is None) or find_spec("llguidance") is None:
        return
    machines = import_module("llguidance").LLMatcher
    if spec.regex is not None and (reason := _reason(machines, machines.grammar_from_regex, spec.regex)):
        raise UserError(f"--regex {spec.regex!r} can't be used: {reason}; write it in Rust's syntax")
    make = machines.grammar_from_json_schema
    if spec.json_schema is not None and (reason := _reason(machines, make, spec.json_schema)):
        raise UserError(f"--json-schema can't be used: {reason}; change the schema")


def _reason(machines: Any, make_grammar: Any, text: str) -> str:
    """One line without the grammar that the library made of it; empty if all is well."""
    try:
        told = str(machines.validate_grammar(make_grammar(text)))
    except ValueError as error:
        told = str(error)
    own_words = re.search(r"^error: (.+)$", told, re.MULTILINE)
    return own_words[1] if own_words else " ".join(told.split())[:300]
