"""CSV and TSV as people have them."""

from pathlib import Path

import pytest

from jobs.outcome import Code
from jobs.readers import InputError, InputRow, read_rows


def rows_of(
    path: Path, body: str | bytes, *, text_field: str | None = None, id_field: str | None = None
) -> list[InputRow]:
    path.write_bytes(body if isinstance(body, bytes) else body.encode())
    return list(read_rows(str(path), text_field=text_field, id_field=id_field))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tickets.csv"


def test_a_row_has_its_id_its_text_its_line_and_all_its_columns(path: Path) -> None:
    rows = rows_of(path, "id,text,team\nT-1,Where is my money?,billing\n007,It broke,\n")
    assert rows == [
        InputRow(
            "T-1",
            "tickets.csv:2",
            "Where is my money?",
            {"id": "T-1", "text": "Where is my money?", "team": "billing"},
        ),
        InputRow("007", "tickets.csv:3", "It broke", {"id": "007", "text": "It broke", "team": ""}),
    ]


def test_quotes_hold_commas_quotes_and_line_breaks_and_lines_are_counted_on(path: Path) -> None:
    rows = rows_of(path, 'id,text\r\n1,"a, ""b""\r\nand c"\r\n\r\n2,d\r\n')
    assert [(row.text, row.where) for row in rows] == [
        ('a, "b"\r\nand c', "tickets.csv:2"),
        ("d", "tickets.csv:5"),
    ]


@pytest.mark.parametrize("header", ["\ufeffid,text", "id;text", "id\ttext"])
def test_what_spreadsheets_write_is_read(path: Path, header: str) -> None:
    delimiter = header[-5]
    (row,) = rows_of(path, f"{header}\n7{delimiter}hello\n")
    assert (row.id, row.text) == ("7", "hello")


def test_tsv_is_apart_by_tabs_only(tmp_path: Path) -> None:
    (row,) = rows_of(tmp_path / "a.tsv", "id\ttext\n1\ta, b; c\n")
    assert row.text == "a, b; c"


def test_without_an_id_column_the_line_number_is_the_id(path: Path) -> None:
    assert [row.id for row in rows_of(path, "text\na\nb\n")] == ["2", "3"]


def test_named_columns_win_over_usual_ones(path: Path) -> None:
    (row,) = rows_of(path, "id,text,key,body\n1,a,K,b\n", text_field="body", id_field="key")
    assert (row.id, row.text) == ("K", "b")


def test_the_only_column_beside_the_id_is_the_text(path: Path) -> None:
    (row,) = rows_of(path, "id,complaint\n1,a\n")
    assert row.text == "a"


def test_a_field_longer_than_the_csv_modules_default_is_read(path: Path) -> None:
    (row,) = rows_of(path, f"text\n{'x' * 200_000}\n")
    assert row.text == "x" * 200_000


@pytest.mark.parametrize(("cell", "code"), [("", Code.EMPTY_TEXT), ('"  \n"', Code.EMPTY_TEXT)])
def test_an_empty_text_is_a_failed_row_not_a_refused_input(path: Path, cell: str, code: Code) -> None:
    rows = rows_of(path, f"id,text\n1,{cell}\n2,fine\n")
    assert [(row.error, row.text) for row in rows] == [(code, None), (None, "fine")]


def test_undecodable_bytes_fail_their_row_alone_and_can_be_written(path: Path) -> None:
    rows = rows_of(path, b"id,text\n1,caf\xe9\n2,caf\xc3\xa9\n")
    assert [(row.error, row.text) for row in rows] == [(Code.UNDECODABLE, None), (None, "café")]
    assert rows[0].columns == {"id": "1", "text": "caf\ufffd"}


def test_a_file_in_another_encoding_is_refused(path: Path) -> None:
    body = "id,text\n" + "".join(f"{number},très cher\n" for number in range(100))
    with pytest.raises(InputError, match="in another encoding; save it as UTF-8"):
        rows_of(path, body.encode("latin-1"))


def test_many_damaged_rows_among_good_ones_are_not_another_encoding(path: Path) -> None:
    body = "id,text\n0,très cher\n".encode() + b"".join(b"%d,caf\xe9\n" % number for number in range(1, 100))
    assert [row.error for row in rows_of(path, body)] == [None] + [Code.UNDECODABLE] * 99


@pytest.mark.parametrize(
    ("body", "where", "reason"),
    [
        ("id,text\n1,a\n2,b,c\n", "tickets.csv:3", r"3 fields where the header has 2 \(id, text\)"),
        ("id,text\n1\n", "tickets.csv:2", "1 fields where the header has 2"),
        ('id,text\n1,a\n2,"b\n3,c\n', "tickets.csv:3", "look for a quote"),
        ('id,text\n1,"a" b\n', "tickets.csv:2", "look for a quote"),
        ("id,text\r1,a\r2,b\r", "tickets.csv:1", "a CR without an LF.*save the file with LF or CRLF"),
        ("", "tickets.csv:1", "the file is empty"),
        ("id,id,text\n1,2,a\n", "tickets.csv:1", "more than once: id"),
        ("id,text\n,a\n", "tickets.csv:2", "'id' must be a text or a number"),
        (b"id,text\n\xe9,a\n", "tickets.csv:2", "not UTF-8"),
        ("id,text\n1,a\n".encode("utf-16"), "tickets.csv:1", "not UTF-8"),
        ("id,subject,body\n1,a,b\n", "tickets.csv", r"--text-field.*'id', 'subject', 'body'"),
    ],
)
def test_a_broken_file_is_refused_with_its_place(
    path: Path, body: str | bytes, where: str, reason: str
) -> None:
    with pytest.raises(InputError, match=reason) as caught:
        rows_of(path, body)
    assert caught.value.where == where
    assert str(caught.value).startswith(f"{where}: ")


def test_a_header_without_rows_is_refused(path: Path) -> None:
    with pytest.raises(InputError, match="no rows"):
        rows_of(path, "id,text\n")


@pytest.mark.parametrize(
    ("option", "text_field", "id_field"), [("--text-field", "boddy", None), ("--id-field", None, "boddy")]
)
def test_a_missing_column_is_said_with_the_close_one(
    path: Path, option: str, text_field: str | None, id_field: str | None
) -> None:
    with pytest.raises(InputError, match=rf"'boddy' \({option}\); did you mean 'body'\?.*'id', 'body'"):
        rows_of(path, "id,body\n1,a\n", text_field=text_field, id_field=id_field)
