"""Whatever an input holds: each row ends in an outcome, or a refusal names the input; no other file is seen.

500 inputs in all: tables, folders of documents, and shards that somebody else has written into the store.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings

from engine import Request
from jobs import layout
from jobs.manifest import Manifest, Model, Row
from jobs.names import new_job_id
from jobs.outcome import Code, Status
from jobs.papers import read_manifest
from jobs.readers import InputError
from jobs.shards import decode_part, decode_shard
from jobs.spec import GenerateSpec
from jobs.stores import LocalStore
from producer.connection import Connection
from producer.errors import UserError
from producer.inputs import input_rows
from producer.submit import Order, submit
from tests.crash.hostile import folders, foreign_rows, tables
from tests.crash.touched import Touch, touches
from tests.worker.fakes import FINGERPRINT, Bench, NoQuarantine, completion, fake_model, make_job
from worker.checkpoints import Checkpoints
from worker.document_parsers import DocumentParsers
from worker.drain import Drain
from worker.engine_messages import Result
from worker.leases import Leases
from worker.parse_process import ParseLimits
from worker.row_text import RowTexts
from worker.run_shard import ShardRunner
from worker.settle import Settler

CANARY = "the canary sings"
_IN_MEMORY = Path("/dev/shm")
OURS = {Code.INTERNAL_ERROR, Code.ENGINE_ERROR}


def _echo(prompt: str, _request: Request) -> Result:
    return completion(prompt)


class Place:
    """A store in a folder with other files around it, a producer and a worker."""

    def __init__(self, root: Path, parsers: DocumentParsers) -> None:
        self.root = root
        self.source = root / "input"
        self.home = root / "inner" / "store"
        self.store = LocalStore(self.home)
        self.canaries = {folder / "canary.txt" for folder in (root, root / "inner", self.home)}
        for canary in sorted(self.canaries):
            canary.parent.mkdir(exist_ok=True)
            canary.write_text(CANARY)
        self._bench = Bench()  # whose store is not used
        ledger, dispatcher = self._bench.ledger, self._bench.dispatcher()
        self._connection = Connection(self.store, ledger, dispatcher)
        self._worker = (ledger, Leases(ledger, "me", 15), Settler(self.store, ledger, dispatcher))
        self._texts = RowTexts(self.store, parsers)

    def submit(self, source: Path) -> str:
        order = Order(GenerateSpec(), str(source), Model(alias="tiny", fingerprint=FINGERPRINT))
        return submit(self._connection, order, input_rows(str(source), None, None, None, None, None))

    def run(self, manifest: Manifest) -> None:
        model, _ = fake_model(_echo)
        quarantine, checkpoints = NoQuarantine(self._bench), Checkpoints(self.store, "me")
        drain = Drain(self.store, self._worker[1], self._connection.dispatcher, timeout_s=25)
        runner = ShardRunner(self.store, *self._worker, model, quarantine, checkpoints, drain, self._texts)
        for shard_no in range(manifest.num_shards):
            runner.run(manifest.job_id, shard_no)

    def forget(self) -> None:
        """What the example has left: the next one is not to wade through it."""
        for folder in (self.source, self.home / "jobs", self.home / "open"):
            shutil.rmtree(folder, ignore_errors=True)

    def check_outcomes(self, manifest: Manifest) -> None:
        for shard_no in range(manifest.num_shards):
            where = (manifest.job_id, shard_no)
            rows = decode_shard(self.store.get(layout.shard(*where)) or b"", *where)
            outcomes = decode_part(self.store.get(layout.part(*where)) or b"", *where)
            assert [outcome.id for outcome in outcomes] == [row.id for row in rows]
            for outcome in outcomes:
                assert outcome.status is Status.OK or (outcome.message and outcome.code not in OURS), outcome
                assert CANARY not in str(outcome.result)

    def check_touches(self, seen: list[Touch]) -> None:
        """Nothing is changed outside of the store, and only the input, the store and Python are read."""
        for touch in seen:
            in_store = touch.path.is_relative_to(self.home) and touch.path not in self.canaries
            if touch.is_change:
                assert in_store or touch.path == Path(os.devnull) or "__pycache__" in touch.path.parts, touch
            elif touch.path.is_relative_to(self.root):
                assert in_store or touch.path.is_relative_to(self.source), touch
            else:
                assert touch.path != Path("/etc/passwd"), touch


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    parsers = DocumentParsers(ParseLimits(time_s=20), 1)
    # In memory where there is such a place: the store waits for its disk with every write.
    with TemporaryDirectory(prefix="bydawn-", dir=_IN_MEMORY if _IN_MEMORY.is_dir() else None) as root:
        yield Place(Path(root).resolve(), parsers)
    parsers.close()


def _inputs(number: int) -> settings:
    slow = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
    return settings(max_examples=number, deadline=None, database=None, suppress_health_check=slow)


def assert_refused_or_done(place: Place, source: Path, names: set[str]) -> None:
    refusal: Exception | None = None
    with touches() as seen:
        try:
            manifest = read_manifest(place.store, place.submit(source))
            place.run(manifest)
        except (InputError, UserError) as error:
            refusal = error
    place.check_touches(seen)
    if refusal is None:
        place.check_outcomes(manifest)
    else:
        assert any(name in str(refusal) for name in names), refusal
        assert list(place.store.list("jobs/")) == []


@_inputs(250)
@given(table=tables)
def test_a_hostile_table_is_refused_by_name_or_all_its_rows_have_outcomes(
    place: Place, table: tuple[str, bytes]
) -> None:
    name, body = table
    place.forget()
    place.source.mkdir()
    (place.source / name).write_bytes(body)
    assert_refused_or_done(place, place.source / name, {name})


@_inputs(150)
@given(files=folders)
def test_hostile_documents_are_refused_by_name_or_have_outcomes(
    place: Place, files: dict[str, bytes]
) -> None:
    place.forget()
    place.source.mkdir()
    for name, body in files.items():
        (place.source / name).write_bytes(body)
    assert_refused_or_done(place, place.source, {str(place.source), *files, *(ascii(name) for name in files)})


@_inputs(100)
@given(rows=foreign_rows)
def test_a_shard_that_somebody_else_wrote_leads_to_no_file_but_its_jobs_own(
    place: Place, rows: list[Row]
) -> None:
    place.forget()
    job_id = new_job_id()
    place.store.put(layout.source(job_id, 0), b"a copy")
    place.store.put("jobs/other/sources/00000000", CANARY.encode())
    written = [Row.model_validate_json(row.model_dump_json().replace("JOB", job_id)) for row in rows]
    manifest = make_job(place.store, [written], job_id=job_id)
    with touches() as seen:
        place.run(manifest)
    place.check_touches(seen)
    place.check_outcomes(manifest)


def test_the_watch_over_files_sees_what_it_must(tmp_path: Path) -> None:
    """Otherwise the tests above could not fail."""
    (tmp_path / "a").write_text("x")
    with touches() as seen:
        (tmp_path / "a").read_text()
        (tmp_path / "b").write_text("x")
        (tmp_path / "b").rename(tmp_path / "c")
        (tmp_path / "c").unlink()
        (tmp_path / "d").mkdir()
    names = {(touch.path.name, touch.is_change) for touch in seen}
    assert names >= {("a", False), ("b", True), ("c", True), ("d", True)}
