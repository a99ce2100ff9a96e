"""A document that hangs, bursts or crashes its parser fails alone, and leaves no process behind."""

import io
import os
import signal
import subprocess
import sys
import threading
import zipfile
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from jobs.documents import DocumentError
from jobs.outcome import Code
from jobs.stores import StoreUnavailable
from tests.integration.commands import all_ended, wait_until
from tests.jobs.documents.files import CONTENT_TYPES, RELATIONSHIPS, WORD, make_docx, make_pdf
from worker.document_parsers import DocumentParsers, UnwantedDocument
from worker.parse_process import ParseLimits

MISBEHAVING = "tests.worker.misbehaving_parser"
LIMITS = ParseLimits(time_s=2, memory_bytes=384 << 20)


@pytest.fixture
def parsers() -> Iterator[DocumentParsers]:
    """With a parser that does what the document says."""
    yield from _closed(DocumentParsers(LIMITS, 1, MISBEHAVING))


@pytest.fixture(scope="module")
def real_parsers() -> Iterator[DocumentParsers]:
    yield from _closed(DocumentParsers(ParseLimits(time_s=20, memory_bytes=256 << 20), 1))


def _closed(parsers: DocumentParsers) -> Iterator[DocumentParsers]:
    yield parsers
    processes = [psutil.Process(pid) for pid in parsers.pids]
    parsers.close()
    assert all_ended(processes)
    assert not [child for child in psutil.Process().children() if "parse" in " ".join(child.cmdline())]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"hang", r"more than 2 s \(BYDAWN_PARSE_LIMIT_S\)"),
        (b"spin", r"more than 2 s \(BYDAWN_PARSE_LIMIT_S\)"),
        (b"stop", r"more than 2 s \(BYDAWN_PARSE_LIMIT_S\)"),
        (b"eat", r"more than 384 MiB of memory \(BYDAWN_PARSE_MEMORY_BYTES\)"),
        (b"abort", "crashed the process that parsed it, 2 times"),
        (b"segfault", "crashed the process that parsed it, 2 times"),
    ],
)
def test_a_document_that_breaks_its_parser_fails_alone_and_the_next_one_is_parsed(
    parsers: DocumentParsers, body: bytes, reason: str
) -> None:
    before = parsers.text("a.pdf", b"fine")
    with pytest.raises(DocumentError, match=f"^bad.pdf .*{reason}") as refused:
        parsers.text("bad.pdf", body)
    assert refused.value.code is Code.UNREADABLE
    after = parsers.text("b.pdf", b"fine, too")
    assert after.endswith("b.pdf 9")
    assert after.split()[0] != before.split()[0], "a broken process is not used again"


def test_a_document_whose_process_was_killed_from_outside_is_tried_once_more(
    parsers: DocumentParsers, tmp_path: Path
) -> None:
    marker = tmp_path / "marker"
    assert parsers.text("a.pdf", f"die once: {marker}".encode()).split()[1] == "a.pdf"
    assert marker.exists()


def test_a_process_is_kept_between_documents_and_replaced_when_it_was_killed_idle(
    parsers: DocumentParsers,
) -> None:
    first, second = (parsers.text("a.pdf", b"fine").split()[0] for _ in range(2))
    assert first == second == str(parsers.pids[0])
    os.kill(int(first), signal.SIGKILL)
    assert parsers.text("a.pdf", b"fine").split()[0] != first


def test_a_process_that_is_asked_to_end_by_a_terminal_or_container_goes_on(parsers: DocumentParsers) -> None:
    pid = int(parsers.text("a.pdf", b"fine").split()[0])
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(pid, number)
    assert parsers.text("a.pdf", b"fine").split()[0] == str(pid)


def test_plain_text_needs_no_process_unless_its_encoding_must_be_guessed(parsers: DocumentParsers) -> None:
    assert parsers.text("a.txt", "Grüße".encode()) == "Grüße"
    assert parsers.pids == []
    assert parsers.text("a.txt", "Grüße".encode("cp1252")).endswith("a.txt 5")
    assert parsers.text("a.md", b"x" * (9 << 20)).endswith(f"a.md {9 << 20}")


def test_threads_share_the_processes_and_a_hang_holds_up_only_one_of_them() -> None:
    parsers = DocumentParsers(LIMITS, 2, MISBEHAVING)
    with ThreadPoolExecutor(8) as threads:
        hanging = threads.submit(parsers.text, "bad.pdf", b"hang")
        answers = list(threads.map(lambda number: parsers.text(f"{number}.pdf", b"fine"), range(20)))
        assert not hanging.done()
        assert [answer.split()[1] for answer in answers] == [f"{number}.pdf" for number in range(20)]
        assert len(parsers.pids) == 2
        assert isinstance(hanging.exception(), DocumentError)
    parsers.close()


def test_closing_ends_what_is_being_parsed_and_blames_no_document() -> None:
    parsers = DocumentParsers(ParseLimits(time_s=60), 1, MISBEHAVING)
    with ThreadPoolExecutor(1) as threads:
        hanging = threads.submit(parsers.text, "a.pdf", b"hang")
        wait_until(lambda: parsers.pids, 10, "the process")
        processes = [psutil.Process(pid) for pid in parsers.pids]
        parsers.close()
        assert isinstance(hanging.exception(), StoreUnavailable)
    assert all_ended(processes)


def test_the_process_knows_no_setting_and_no_credential_of_its_worker(
    parsers: DocumentParsers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BYDAWN_BROKER_PASSWORD", "hunter2")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    names = parsers.text("a.pdf", b"environment").split()
    assert "PATH" in names
    assert not [name for name in names if name.startswith(("BYDAWN_", "AWS_"))]


_WORKER = f"""
import threading, sys
from worker.document_parsers import DocumentParsers, UnwantedDocument
from worker.parse_process import ParseLimits
parsers = DocumentParsers(ParseLimits(), 2, "{MISBEHAVING}")
print(parsers.text("a.pdf", b"fine").split()[0], flush=True)
threading.Thread(target=parsers.text, args=("b.pdf", sys.argv[1].encode())).start()
threading.Event().wait()
"""


@pytest.mark.parametrize("occupation", ["hang", "spin", "idle"])
def test_when_the_worker_is_killed_its_parsers_end_too(occupation: str) -> None:
    worker = subprocess.Popen([sys.executable, "-c", _WORKER, occupation], stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None
    parser = psutil.Process(int(worker.stdout.readline()))
    if occupation != "idle":
        wait_until(lambda: parser.num_threads() > 1, 10, "its threads")
    worker.kill()
    worker.wait()
    worker.stdout.close()
    wait_until(lambda: all_ended([parser]), 5, "the parser's end")


def test_the_process_loads_nothing_of_models_queues_and_stores_so_that_it_starts_at_once() -> None:
    code = "import sys, worker.parse_child; print([m for m in sys.modules if m.split('.')[0] in"
    code += " ('torch', 'transformers', 'celery', 'boto3', 'redis', 'numpy')])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"


class TestRealParsers:
    """What the formats themselves are capable of."""

    def test_documents_of_every_kind_come_back_as_text(self, real_parsers: DocumentParsers) -> None:
        assert real_parsers.text("a.pdf", make_pdf("One page")) == "One page"
        assert real_parsers.text("a.docx", make_docx("Ein Wort, 日本語 😀")) == "Ein Wort, 日本語 😀"
        assert real_parsers.text("a.html", b"<html><body><p>A note.</p></body></html>") == "A note."
        assert len(real_parsers.pids) == 1

    def test_what_a_parser_says_of_a_document_comes_back_with_its_code(
        self, real_parsers: DocumentParsers
    ) -> None:
        for name, body, code in (
            ("scan.pdf", make_pdf(""), Code.NEEDS_OCR),
            ("odd.docx", b"no zip", Code.UNREADABLE),
            ("odd.png", b"\x89PNG", Code.UNSUPPORTED),
        ):
            with pytest.raises(DocumentError, match=f"^{name}") as refused:
                real_parsers.text(name, body)
            assert refused.value.code is code

    @pytest.mark.parametrize(
        ("name", "reason"),
        [("bomb.docx", "BYDAWN_PARSE_MEMORY_BYTES"), ("bomb.pdf", ""), ("bomb.html", "")],
    )
    def test_a_bomb_is_unreadable_and_the_next_document_is_parsed(
        self, name: str, reason: str, real_parsers: DocumentParsers
    ) -> None:
        make_bomb = {"bomb.docx": docx_bomb, "bomb.pdf": pdf_bomb, "bomb.html": html_bomb}[name]
        with pytest.raises(DocumentError, match=f"^{name}.*{reason}") as refused:
            real_parsers.text(name, make_bomb())
        assert refused.value.code is Code.UNREADABLE
        assert real_parsers.text("a.pdf", make_pdf("One page")) == "One page"


def docx_bomb() -> bytes:
    """A hundred megabytes of paragraphs in less than one: few enough to pass a look at its directory."""
    paragraph = b"<w:p><w:r><w:t>a</w:t></w:r></w:p>"
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("[Content_Types].xml", CONTENT_TYPES)
        archive.writestr("_rels/.rels", RELATIONSHIPS)
        with archive.open("word/document.xml", "w") as document:
            document.write(f'<w:document xmlns:w="{WORD}"><w:body>'.encode())
            for _ in range(60):
                document.write(paragraph * 50_000)
            document.write(b"</w:body></w:document>")
    return target.getvalue()


def pdf_bomb() -> bytes:
    """A page whose content unpacks, through two filters, to a gigabyte."""
    inner = zlib.compressobj(1)
    packed = b"".join(inner.compress(bytes(1 << 20)) for _ in range(1024)) + inner.flush()
    stream = zlib.compress(packed)
    head = f"<< /Length {len(stream)} /Filter [/FlateDecode /FlateDecode] >>\nstream\n".encode()
    plain = make_pdf("x")
    start = plain.index(b"5 0 obj\n") + len(b"5 0 obj\n")
    end = plain.index(b"\nendobj", start)
    return plain[:start] + head + stream + b"\nendstream" + plain[end:]


def html_bomb() -> bytes:
    return b"<html><body>" + b"<p>a" * 6_000_000


def test_two_threads_that_close_at_once_do_no_harm() -> None:
    parsers = DocumentParsers(LIMITS, 1, MISBEHAVING)
    parsers.text("a.pdf", b"fine")
    closing = [threading.Thread(target=parsers.close) for _ in range(2)]
    for thread in closing:
        thread.start()
    for thread in closing:
        thread.join()
    with pytest.raises(StoreUnavailable):
        parsers.text("a.pdf", b"fine")


def test_what_nobody_waits_for_any_more_ends_at_once_and_others_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    parsers = DocumentParsers(ParseLimits(time_s=100), 2, MISBEHAVING)
    unwanted, wanted = threading.Event(), threading.Event()
    with ThreadPoolExecutor(4) as threads:
        hanging = threads.submit(parsers.text, "a.pdf", b"hang", unwanted)
        other = threads.submit(parsers.text, "b.pdf", b"hang", wanted)
        wait_until(lambda: len(parsers.pids) == 2, 10, "both processes")
        waiting = threads.submit(parsers.text, "c.pdf", b"fine", unwanted)
        in_turn = threads.submit(parsers.text, "d.pdf", b"fine", threading.Event())
        parsers.drop(unwanted)
        assert isinstance(hanging.exception(timeout=20), UnwantedDocument)
        assert isinstance(waiting.exception(timeout=20), UnwantedDocument)
        assert in_turn.result(timeout=20).split()[1] == "d.pdf"
        assert not other.done()
        with pytest.raises(UnwantedDocument):
            parsers.text("e.pdf", b"fine", unwanted)
        parsers.drop(wanted)
        assert isinstance(other.exception(timeout=20), UnwantedDocument)
    parsers.close()
    assert "parser_died" not in caplog.text, "a death that we caused is no news"


def test_a_death_of_the_parsers_own_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    parsers = DocumentParsers(LIMITS, 1, MISBEHAVING)
    with pytest.raises(DocumentError, match="crashed"):
        parsers.text("a.pdf", b"abort")
    parsers.close()
    assert caplog.text.count("action=parser_died") == 2


def test_a_documents_pages_come_with_its_text(real_parsers: DocumentParsers) -> None:
    assert real_parsers.text("a.pdf", make_pdf("one", "two")).pages == ["one\n\n", "two"]
    assert real_parsers.text("a.txt", b"one\ftwo").pages == ["one\n\n", "two"]
    assert real_parsers.text("a.txt", b"one").pages == []
