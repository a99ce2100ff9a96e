"""JSON Lines, plain and with chats."""

from pathlib import Path

import pytest

from jobs.outcome import Code
from jobs.readers import InputError, InputRow, read_rows


def rows_of(folder: Path, body: str | bytes, *, text_field: str | None = None) -> list[InputRow]:
    path = folder / "rows.jsonl"
    path.write_bytes(body if isinstance(body, bytes) else body.encode())
    return list(read_rows(str(path), text_field=text_field, id_field=None))


def test_ids_and_texts_may_be_numbers_and_lines_may_be_blank(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, '\ufeff{"id": 7, "text": "a\\u00e9"}\n\n{"id": "x", "text": 3.5, "more": [1]}')
    assert rows == [
        InputRow("7", "rows.jsonl:1", "aé", {"id": 7, "text": "aé"}),
        InputRow("x", "rows.jsonl:3", "3.5", {"id": "x", "text": 3.5, "more": [1]}),
    ]


def test_a_prompt_is_a_text(tmp_path: Path) -> None:
    (row,) = rows_of(tmp_path, '{"prompt": "Say hi", "note": "n"}')
    assert row.text == "Say hi"


def test_a_chat_is_kept_and_its_words_are_the_text(tmp_path: Path) -> None:
    messages = '[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]'
    (row,) = rows_of(tmp_path, f'{{"messages": {messages}}}')
    assert row.text == "Be brief.\n\nHi"
    assert row.columns["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
    ]


@pytest.mark.parametrize("messages", ["[1]", '{"role": "user"}', '[{"content": [{"text": "a"}]}]', '"Hi"'])
def test_a_malformed_chat_is_for_the_worker_to_judge(tmp_path: Path, messages: str) -> None:
    (row,) = rows_of(tmp_path, f'{{"messages": {messages}}}')
    assert row.text
    assert row.error is None


@pytest.mark.parametrize("line", ['{"id": 2}', '{"id": 2, "text": null}', '{"id": 2, "text": " "}'])
def test_a_row_without_text_fails_alone(tmp_path: Path, line: str) -> None:
    rows = rows_of(tmp_path, f'{{"id": 1, "text": "a"}}\n{line}\n')
    assert [row.error for row in rows] == [None, Code.EMPTY_TEXT]


@pytest.mark.parametrize("depth", [300, 600, 900])
def test_a_row_nested_deeper_than_can_be_looked_into_fails_alone(tmp_path: Path, depth: int) -> None:
    deep = f'{{"id": 2, "text": "b", "messages": {"[" * depth}{"]" * depth}}}'
    rows = rows_of(tmp_path, f'{{"id": 1, "text": "a"}}\n{deep}\n')
    assert [row.id for row in rows] == ["1", "2"]
    assert rows[0].error is None
    assert rows[1].error in (None, Code.BAD_REQUEST)
    assert {name: rows[1].columns[name] for name in ("id", "text")} == {"id": 2, "text": "b"}


@pytest.mark.parametrize("value", [b'"caf\xe9"', b'"half \\ud83d"', b'{"deep": ["\xff"]}'])
def test_an_undecodable_row_fails_alone_and_can_be_written(tmp_path: Path, value: bytes) -> None:
    rows = rows_of(tmp_path, b'{"id": 1, "text": "a"}\n{"id": 2, "text": %b}\n' % value)
    assert [row.error for row in rows] == [None, Code.UNDECODABLE]
    assert "\ufffd" in str(rows[1].columns)
    str(rows[1].columns).encode()


def test_any_number_of_escaped_halves_of_characters_fail_alone(tmp_path: Path) -> None:
    halves = [f'{{"id": {n}, "text": "thanks \\ud83d\\udc80\\udc80"}}' for n in range(25)]
    rows = rows_of(tmp_path, "\n".join([*halves, '{"id": 25, "text": "plain"}']))
    assert [row.error for row in rows] == [Code.UNDECODABLE] * 25 + [None]


def test_a_file_in_another_encoding_is_refused_though_its_escapes_are_not_counted(tmp_path: Path) -> None:
    body = b"\n".join(b'{"id": %d, "text": "caf\xe9 \\ud83d"}' % n for n in range(25))
    with pytest.raises(InputError, match="the file is in another encoding"):
        rows_of(tmp_path, body)


@pytest.mark.parametrize(
    ("line", "where", "reason"),
    [
        ('{"id": 2, "text": }', "rows.jsonl:2:19", "every line must be a JSON object"),
        ('{"id": 2', "rows.jsonl:2:9", "every line must be a JSON object"),
        ('["a"]', "rows.jsonl:2", "not list"),
        ('{"id": 2, "text": NaN}', "rows.jsonl:2", "NaN is not JSON"),
        ('{"id": 2, "text": "a", "n": [-1e400]}', "rows.jsonl:2", "-1e400 is too large for a number"),
        ("[" * 100_000, "rows.jsonl:2", "every line must be a JSON object"),
        ('{"id": null, "text": "a"}', "rows.jsonl:2", "must be a text or a number"),
        ('{"id": true, "text": "a"}', "rows.jsonl:2", "must be a text or a number"),
        ('{"text": "a"}', "rows.jsonl:2", "must be a text or a number"),
        ('{"id": "\\ud83d", "text": "a"}', "rows.jsonl:2", r"half of a character in it \('\\ud83d'\)"),
        ('{"id": 2, "text": ["a"]}', "rows.jsonl:2", "'text' must be a text, not list"),
    ],
)
def test_a_broken_line_is_refused_with_its_place(tmp_path: Path, line: str, where: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason) as caught:
        rows_of(tmp_path, f'{{"id": 1, "text": "a"}}\n{line}\n')
    assert caught.value.where == where


@pytest.mark.parametrize("body", ["", "\n \n"])
def test_an_empty_file_is_refused(tmp_path: Path, body: str) -> None:
    with pytest.raises(InputError, match="one JSON object per line"):
        rows_of(tmp_path, body)


def test_the_text_among_several_strings_must_be_named(tmp_path: Path) -> None:
    body = '{"id": 1, "subject": "a", "body": "b", "size": 3}'
    with pytest.raises(InputError, match=r"--text-field; columns are: 'id', 'subject', 'body', 'size'"):
        rows_of(tmp_path, body)
    assert rows_of(tmp_path, body, text_field="body")[0].text == "b"


def test_the_only_string_beside_numbers_is_the_text(tmp_path: Path) -> None:
    assert rows_of(tmp_path, '{"id": 1, "size": 3, "body": "b"}')[0].text == "b"


def test_a_string_beside_a_list_is_not_taken_for_the_text(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--text-field"):
        rows_of(tmp_path, '{"id": 1, "category": "writing", "turns": ["Compose a letter."]}')
