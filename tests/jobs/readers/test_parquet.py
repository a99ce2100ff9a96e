"""Parquet of every type that turns up in tables of texts."""

import datetime
import decimal
import json
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from jobs.outcome import Code
from jobs.readers import InputError, read_rows


def write(folder: Path, **columns: object) -> str:
    path = folder / "rows.parquet"
    parquet.write_table(pa.table(columns), path)
    return str(path)


def test_more_rows_than_a_batch_come_in_order_with_their_numbers(tmp_path: Path) -> None:
    source = write(tmp_path, id=list(range(3000)), body=[f"text {number}" for number in range(3000)])
    rows = list(read_rows(source, text_field=None, id_field=None))
    assert [row.id for row in rows] == [str(number) for number in range(3000)]
    assert (rows[2999].text, rows[2999].where) == ("text 2999", "rows.parquet:3000")


def test_values_that_json_does_not_have_are_written_as_text(tmp_path: Path) -> None:
    noon = datetime.datetime(2026, 11, 23, 12, 0, tzinfo=datetime.UTC)
    source = write(
        tmp_path,
        text=["a"],
        at=pa.array([1], pa.timestamp("ns", "UTC")),
        day=[noon.date()],
        when=[noon],
        price=[decimal.Decimal("1.10")],
        score=[float("nan")],
        raw=[b"bytes"],
        tags=[["x", "y"]],
        nested=[{"k": None}],
    )
    (row,) = read_rows(source, text_field="text", id_field=None)
    assert json.loads(json.dumps(row.columns)) == {
        "text": "a",
        "at": "1970-01-01T00:00:00+00:00",
        "day": "2026-11-23",
        "when": "2026-11-23T12:00:00+00:00",
        "price": "1.10",
        "score": None,
        "raw": "bytes",
        "tags": ["x", "y"],
        "nested": {"k": None},
    }


@pytest.mark.parametrize("kind", [pa.binary(), pa.string()])
def test_undecodable_bytes_fail_their_row_alone(tmp_path: Path, kind: pa.DataType) -> None:
    texts = pa.array([b"good", b"caf\xe9", None], pa.binary())
    if kind == pa.string():
        texts = pa.Array.from_buffers(pa.string(), len(texts), texts.buffers())
    rows = list(read_rows(write(tmp_path, text=texts), text_field=None, id_field=None))
    assert [row.error for row in rows] == [None, Code.UNDECODABLE, Code.EMPTY_TEXT]


def test_columns_of_one_name_are_refused_for_one_of_them_would_be_lost(tmp_path: Path) -> None:
    names = ["text", "note", "note"]
    table = pa.Table.from_arrays([pa.array([each]) for each in ("a", "first", "second")], names=names)
    parquet.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"a\.parquet: columns come more than once: note; rename them"):
        list(read_rows(str(tmp_path / "a.parquet"), text_field=None, id_field=None))


def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"id,text\n1,a\n")
    with pytest.raises(InputError, match=r"a\.parquet: not a readable Parquet file"):
        list(read_rows(str(tmp_path / "a.parquet"), text_field=None, id_field=None))


def test_a_table_without_rows_is_refused(tmp_path: Path) -> None:
    source = write(tmp_path, text=pa.array([], pa.string()))
    with pytest.raises(InputError, match="no rows"):
        list(read_rows(source, text_field=None, id_field=None))
