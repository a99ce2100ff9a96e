"""Inputs as nobody should write them: tricks with paths, encodings, sizes, nesting and damaged files."""

import json

from hypothesis import strategies as st

from jobs.manifest import DocumentRef, Row
from tests.jobs.documents.files import make_docx, make_pdf

TRICKS = [
    "../canary.txt",
    "../../canary.txt",
    "..\\..\\canary.txt",
    "%2e%2e%2fcanary.txt",
    "..%c0%af..%c0%afcanary.txt",
    "....//canary.txt",
    "a/../../../canary.txt",
    "/etc/passwd",
    "//etc//passwd",
    "file:///etc/passwd",
    "~/canary.txt",
    "$HOME",
    ".",
    "..",
    "/",
    "",
    "a\0b",
    "a\nb",
    "\x1b[2J",
    "CON",
    ".incomplete/x",
    "jobs/x/manifest.json",
    "\u202etxt.exe",
    "\ufeff",
    "x" * 5000,
    "{{7*7}}",
    "' OR 1=1 --",
    "=cmd|' /C calc'!A0",
    "<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]>",
]
SUFFIXES = [".txt", ".md", ".html", ".pdf", ".docx", ".png", ""]
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-32", "latin-1", "cp1252", "shift_jis", "utf-7"]

whole_texts = st.sampled_from(TRICKS) | st.text(max_size=60)
texts = whole_texts | st.sampled_from(["\ud800", "\udc80x"]) | st.characters().map(lambda char: char * 300)
_scalars = texts | st.integers() | st.floats() | st.booleans() | st.none()
_nested = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
_columns = {"id": _scalars, "text": _nested, "messages": _nested, "more": _nested}
_json_lines = st.one_of(
    st.uuids().map(lambda row_id: f'{{"id": "{row_id}", "text": "fine"}}'.encode()),
    st.fixed_dictionaries({}, optional=_columns).map(lambda record: json.dumps(record).encode()),
    st.integers(1, 1500).map(lambda deep: b'{"text": "t", "messages": ' + b"[" * deep + b"]" * deep + b"}"),
    st.binary(max_size=60),
)
_encodings = st.sampled_from(ENCODINGS)
_encoded = st.builds(lambda text, encoding: text.encode(encoding, "replace"), texts, _encodings)
_csv_rows = st.lists(texts, min_size=1, max_size=3).map(",".join)
_csv_files = st.builds(
    lambda lines, encoding: "\n".join(["id,text", *lines]).encode(encoding, "replace"),
    st.lists(_csv_rows, max_size=4),
    _encodings,
)
tables = st.tuples(
    st.sampled_from(["in.jsonl", "in.csv", "in.tsv", "in.parquet", "in.ndjson", "IN.CSV"]),
    st.lists(_json_lines, max_size=4).map(b"\n".join) | _csv_files | _encoded | st.binary(max_size=200),
)
"""A file's name and bytes."""


def _as_file_name(text: str, suffix: str) -> str:
    """What a file system takes of it; cut short, it may end in half a character."""
    name = text.replace("/", "\u2215").replace("\0", "\u2400").encode()[:80]
    return name.decode("utf-8", "surrogateescape") + suffix


def _damaged(body: bytes, place: int, byte: int) -> bytes:
    at = place % len(body)
    return body[:at] + bytes([byte]) + body[at + 1 :]


_file_names = st.builds(_as_file_name, whole_texts, st.sampled_from(SUFFIXES)).filter(
    lambda name: name not in ("", ".", "..")
)
_well_formed = st.sampled_from(
    [make_pdf("one", "two"), make_docx("one", "two"), b"<html><p>one", "déjà vu".encode()]
)
_bodies = st.one_of(
    _well_formed,
    st.builds(_damaged, _well_formed, st.integers(0, 10_000), st.integers(0, 255)),
    st.binary(max_size=200),
    _encoded,
)
folders = st.dictionaries(_file_names, _bodies, min_size=1, max_size=3)
"""Files by name."""

_keys = whole_texts | whole_texts.map(lambda text: f"jobs/JOB/sources/{text}")
_uris = st.one_of(
    whole_texts,
    whole_texts.map(lambda text: f"s3://bucket/{text}"),
    whole_texts.map(lambda text: f"file://{text}"),
)
_documents = st.builds(
    DocumentRef,
    name=st.builds(lambda text, suffix: text + suffix, whole_texts, st.sampled_from(SUFFIXES)),
    key=st.none() | st.just("jobs/JOB/sources/00000000") | _keys,
    uri=st.none() | _uris,
    version=st.none() | whole_texts,
)
foreign_rows = st.lists(
    st.builds(Row, id=whole_texts, text=st.none() | whole_texts, document=_documents), min_size=1, max_size=4
)
"""Rows that `submit` would not write; JOB stands for the job's id."""
