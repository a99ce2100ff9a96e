"""Files that options name are read alike: as editors save them, and never without an end."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from producer.errors import UserError
from producer.inputs import parse_prompt, parse_schema
from producer.labels import parse_labels

Read = Callable[[Path], object]


def _labels(file: Path) -> object:
    return parse_labels(None, file)


READERS: list[tuple[Read, str, str]] = [
    (parse_prompt, "p.jinja", "{{ text }}"),
    (parse_schema, "s.json", '{"type": "object"}'),
    (_labels, "l.json", '["billing", "bug"]'),
    (_labels, "l.yaml", "- billing\n- bug\n"),
]


@pytest.mark.parametrize(("read", "name", "text"), READERS)
def test_a_byte_order_mark_is_no_part_of_a_file(tmp_path: Path, read: Read, name: str, text: str) -> None:
    (tmp_path / f"plain-{name}").write_text(text, encoding="utf-8")
    (tmp_path / name).write_text(text, encoding="utf-8-sig")
    assert read(tmp_path / name) == read(tmp_path / f"plain-{name}")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
@pytest.mark.parametrize(("read", "name", "_text"), READERS)
def test_what_may_never_end_is_refused_and_not_waited_for(
    tmp_path: Path, read: Read, name: str, _text: str, make: Callable[[Path], None]
) -> None:
    make(tmp_path / name)
    with pytest.raises(UserError, match=f"{name} is no regular file"):
        read(tmp_path / name)


@pytest.mark.parametrize(("read", "name"), [(parse_schema, "s.json"), (_labels, "l.json")])
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[" * 100_000 + "]" * 100_000, "nested too deep"),
        ('{"a": "x", "b": "y", "a": "z"}', "'a' is there twice"),
        ('{"a": ', "not JSON that can be read"),
    ],
)
def test_json_that_cannot_be_taken_is_told_by_its_file(
    tmp_path: Path, read: Read, name: str, text: str, told: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=rf"{name} is .*{told}"):
        read(tmp_path / name)
