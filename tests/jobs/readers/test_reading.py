"""Folders, single documents, addresses in S3, and inputs that are not there."""

import io
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
import pytest
from pyarrow import parquet

from jobs.outcome import Code
from jobs.readers import InputError, InputRow, read_rows
from jobs.stores.s3_access import S3Access
from jobs.stores.source import read_source
from tests.servers import BUCKET, S3Server


def rows_of(source: Path | str) -> list[InputRow]:
    return list(read_rows(str(source), text_field=None, id_field=None))


def fill(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def test_a_folder_is_its_documents_by_their_paths(tmp_path: Path) -> None:
    fill(tmp_path, "b.pdf", "a/deep/x.DOCX", "a/y.md", "data.xlsx", ".git/readme.md", "z.txt", ".DS_Store")
    rows = rows_of(tmp_path)
    assert [row.id for row in rows] == ["a/deep/x.DOCX", "a/y.md", "b.pdf", "z.txt"]
    assert [row.where for row in rows] == [row.id for row in rows]
    assert {row.text for row in rows} == {None}
    ref = rows[1].document
    assert ref is not None
    assert read_source(ref.uri, ref.version) == b"a/y.md"


def test_files_of_other_kinds_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    fill(tmp_path, "a.txt", "b.xlsx", "c.xlsx", "d.png")
    rows_of(tmp_path)
    assert "ignored 3 that are no documents (2 .xlsx, 1 .png)" in caplog.text


def test_a_single_file_of_another_kind_is_told_as_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fill(tmp_path, "d.png")
    with pytest.raises(InputError, match=r"no document in it among 1 file \(1 \.png\)"):
        rows_of(tmp_path)
    fill(tmp_path, "a.txt")
    rows_of(tmp_path)
    assert "ignored 1 that is no document (1 .png)" in caplog.text


def test_an_empty_document_fails_alone(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"")
    fill(tmp_path, "b.txt")
    assert [row.error for row in rows_of(tmp_path)] == [Code.EMPTY_TEXT, None]


def test_a_single_document_is_a_row(tmp_path: Path) -> None:
    fill(tmp_path, "report.pdf")
    (row,) = rows_of(tmp_path / "report.pdf")
    assert row.id == "report.pdf"
    assert row.document is not None


def test_a_folder_without_documents_is_refused_and_says_what_is_there(tmp_path: Path) -> None:
    fill(tmp_path, "a.csv", "b.csv")
    with pytest.raises(InputError, match=r"no document in it among 2 files \(2 \.csv\).*\.docx"):
        rows_of(tmp_path)


def test_a_missing_file_is_said_with_the_close_names(tmp_path: Path) -> None:
    fill(tmp_path, "tickets.csv", "other.txt")
    with pytest.raises(InputError, match=r"no such file or folder; did you mean 'tickets\.csv'\?"):
        rows_of(tmp_path / "tickts.csv")
    with pytest.raises(InputError, match="check the path"):
        rows_of(tmp_path / "nowhere" / "tickets.csv")


@pytest.mark.parametrize("name", ["a.xlsx", "no-suffix", "a.csv.gz"])
def test_a_file_of_another_kind_is_refused_with_the_readable_ones(tmp_path: Path, name: str) -> None:
    fill(tmp_path, name)
    with pytest.raises(InputError, match=r"is not among .*\.csv.*\.parquet"):
        rows_of(tmp_path / name)


def test_an_address_of_another_kind_is_refused() -> None:
    with pytest.raises(InputError, match="allowed are s3://"):
        rows_of("gs://bucket/tickets.csv")


def test_credentials_in_an_address_are_refused_and_not_repeated() -> None:
    with pytest.raises(InputError, match=r"s3://bucket/rows.csv.* must not hold credentials") as refused:
        rows_of("s3://AKIA:hunter2@bucket/rows.csv")
    assert "hunter2" not in str(refused.value)


@pytest.mark.integration
class TestS3:
    @pytest.fixture
    def place(self, s3_endpoint: S3Server) -> tuple[str, S3Access]:
        prefix = f"readers/{uuid4().hex}"
        table = io.BytesIO()
        parquet.write_table(pa.table({"id": ["7"], "text": ["hello"]}), table)
        store = s3_endpoint.store(prefix)
        store.put("rows.csv", b"id,text\n7,hello\n")
        store.put("rows.jsonl", b'{"id": "7", "text": "hello"}\n')
        store.put("rows.parquet", table.getvalue())
        store.put("docs/b.txt", b"b")
        store.put("docs/a/x.pdf", b"x")
        store.put("docs/picture.png", b"p")
        return f"s3://{BUCKET}/{prefix}", s3_endpoint.access

    @pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl", "rows.parquet"])
    def test_tables_are_read_from_a_bucket(self, place: tuple[str, S3Access], name: str) -> None:
        uri, access = place
        (row,) = read_rows(f"{uri}/{name}", text_field=None, id_field=None, access=access)
        assert (row.id, row.text) == ("7", "hello")
        assert row.where.startswith(name)

    @pytest.mark.parametrize("prefix", ["docs", "docs/"])
    def test_documents_are_listed_in_a_bucket_with_their_versions(
        self, place: tuple[str, S3Access], prefix: str
    ) -> None:
        uri, access = place
        rows = list(read_rows(f"{uri}/{prefix}", text_field=None, id_field=None, access=access))
        assert [row.id for row in rows] == ["a/x.pdf", "b.txt"]
        ref = rows[0].document
        assert ref is not None
        assert read_source(ref.uri, ref.version, access) == b"x"

    @pytest.mark.parametrize("name", ["nothing.csv", "nothing/"])
    def test_a_missing_object_or_prefix_is_refused(self, place: tuple[str, S3Access], name: str) -> None:
        uri, access = place
        with pytest.raises(InputError, match="nothing"):
            list(read_rows(f"{uri}/{name}", text_field=None, id_field=None, access=access))
