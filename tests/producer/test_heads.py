"""A head's folder, and what becomes of a head from a submission to a retry and to the job's removal."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from jobs import layout
from jobs.heads import CARD_FILE, WEIGHTS_FILE, Head, read_stored_head
from jobs.manifest import Manifest, Model
from jobs.outcome import Code, Outcome, Usage
from jobs.papers import read_manifest
from jobs.readers import InputRow
from jobs.remove import remove
from jobs.shards import encode_part
from jobs.spec import ClassifySpec, Spec
from producer.commands.compose import compose
from producer.commands.kinds.classify import classify
from producer.connection import Connection
from producer.errors import UserError
from producer.heads import read_head, save_head
from producer.retry import retry
from producer.submit import Order, submit
from tests.heads import head_of, spec_of
from tests.producer.served import serve
from tests.worker.fakes import FINGERPRINT, Bench
from worker.finish import Finisher

HEAD = head_of()
MODEL = Model(alias="tiny", fingerprint=FINGERPRINT)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_head(HEAD, tmp_path / "head")
    return tmp_path / "head"


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    serve(bench.store)
    return bench


@pytest.fixture
def connection(bench: Bench) -> Connection:
    return Connection(bench.store, bench.ledger, bench.dispatcher())


def test_a_saved_head_is_read_again_and_a_new_one_takes_its_place(folder: Path) -> None:
    assert read_head(folder) == HEAD
    other = head_of(bias=(1.0, 2.0))
    save_head(other, folder)
    assert read_head(folder) == other
    assert sorted(each.name for each in folder.iterdir()) == [CARD_FILE, WEIGHTS_FILE]


def _replace(folder: Path, make: Callable[[Path], None]) -> None:
    (folder / CARD_FILE).unlink()
    make(folder / CARD_FILE)


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "no card": (lambda folder: (folder / CARD_FILE).unlink(), "no head.*bydawn fit"),
    "no weights": (lambda folder: (folder / WEIGHTS_FILE).unlink(), r"no head.*head\.safetensors"),
    "a link to itself": (lambda folder: _replace(folder, lambda card: card.symlink_to(CARD_FILE)), "no head"),
    "a pipe that nobody writes to": (lambda folder: _replace(folder, os.mkfifo), "not a file"),
    "another's weights": (
        lambda folder: (folder / WEIGHTS_FILE).write_bytes(head_of(bias=(3.0, 0.0)).weights_bytes),
        "can't be used.*not the one",
    ),
}


def test_labels_of_a_head_that_read_alike_are_the_heads_fault(folder: Path) -> None:
    card = json.loads((folder / CARD_FILE).read_text()) | {"labels": ["billing", "BILLING "]}
    (folder / CARD_FILE).write_text(json.dumps(card))
    with pytest.raises(UserError, match=r"the head .* can't be used: .*'billing' and 'BILLING ' read alike"):
        asked_of("--head", folder)


@pytest.mark.parametrize("case", BROKEN)
def test_a_folder_that_holds_no_head_is_refused(case: str, folder: Path) -> None:
    act, told = BROKEN[case]
    act(folder)
    with pytest.raises(UserError, match=told):
        read_head(folder)


def test_a_folder_that_is_not_there_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no folder .*hed; --head takes the one that `bydawn fit"):
        read_head(tmp_path / "hed")


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "head").write_text("x")
    with pytest.raises(UserError, match="no head in"):
        read_head(tmp_path / "head")


def asked_of(*arguments: str | Path) -> tuple[Spec, Head | None]:
    asked: list[tuple[Spec, Head | None]] = []

    def act(spec: Spec, with_head: Head | None = None) -> None:
        asked.append((spec, with_head))

    app = typer.Typer()
    app.command()(compose(classify, act))
    done = CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return asked[0]


def test_labels_come_from_the_head_and_the_head_goes_with_the_spec(folder: Path) -> None:
    assert asked_of("--head", folder) == (spec_of(HEAD), HEAD)
    assert asked_of("--labels", "a,b")[1] is None


@pytest.mark.parametrize(("given", "abstain_below"), [([], 0.7), (["0.9"], 0.9), (["0"], None)])
def test_a_heads_own_threshold_counts_unless_another_is_given(
    given: list[str], abstain_below: float | None, folder: Path
) -> None:
    save_head(head_of(precision=0.95, abstain_below=0.7), folder)
    options = [word for value in given for word in ("--abstain-below", value)]
    spec, _ = asked_of("--head", folder, *options)
    assert isinstance(spec, ClassifySpec)
    assert spec.abstain_below == abstain_below


@pytest.mark.parametrize("option", ["--labels", "--labels-file", "--examples"])
def test_a_head_and_what_a_prompt_needs_are_not_given_together(option: str, folder: Path) -> None:
    with pytest.raises(UserError, match=f"takes no {option}"):
        asked_of("--head", folder, option, "x")


def test_a_label_alone_cannot_tell_that_a_row_is_left_unlabelled(folder: Path) -> None:
    save_head(head_of(precision=0.95, abstain_below=0.7), folder)
    with pytest.raises(UserError, match="--label-only leaves confidences out"):
        asked_of("--head", folder, "--label-only")
    assert asked_of("--head", folder, "--label-only", "--abstain-below", "0")[0] == spec_of(
        head_of(precision=0.95, abstain_below=0.7), scores=False
    )


def order(head: Head = HEAD, model: Model = MODEL, key: str | None = None) -> Order:
    return Order(spec=spec_of(head), source="t.csv", model=model, idempotency_key=key, head=head)


def given() -> list[InputRow]:
    return [InputRow(id=str(n), where=f"t.csv:{n}", text="my card") for n in range(2)]


def submitted(connection: Connection, asked: Order) -> Manifest:
    return read_manifest(connection.store, submit(connection, asked, iter(given())))


def test_a_job_has_a_copy_of_its_head_in_its_own_folder(connection: Connection) -> None:
    manifest = submitted(connection, order())
    assert read_stored_head(connection.store, manifest) == HEAD


def test_a_head_of_another_model_is_refused_by_name_and_no_job_is_made(connection: Connection) -> None:
    with pytest.raises(UserError) as refused:
        submitted(connection, order(model=Model(alias="big", fingerprint="eeee")))
    assert str(refused.value) == (
        "the head was fitted on the model tiny, and big was named: give --model tiny, or fit a head on big "
        "with `bydawn fit HISTORY --model big --out HEAD`"
    )
    assert list(connection.store.list("jobs/")) == []


def test_a_head_of_other_weights_by_the_same_name_is_refused_with_both(connection: Connection) -> None:
    with pytest.raises(
        UserError, match=f"other weights of tiny \\({FINGERPRINT}\\).*\\(eeee\\): put those back"
    ):
        submitted(connection, order(model=Model(alias="tiny", fingerprint="eeee")))


def test_one_key_and_another_head_are_another_job(connection: Connection) -> None:
    first = submitted(connection, order(key="k"))
    assert submitted(connection, order(key="k")) == first
    with pytest.raises(UserError, match="asked for something else"):
        submitted(connection, order(head_of(bias=(5.0, 0.0)), key="k"))


def _end(bench: Bench, manifest: Manifest) -> None:
    outcomes = [Outcome.ok("0", {"label": "bug"}, Usage()), Outcome.failed("1", Code.ENGINE_ERROR, "broke")]
    bench.store.create(layout.part(manifest.job_id, 0), encode_part(manifest.job_id, 0, outcomes))
    Finisher(bench.store, bench.ledger, bench.leases()).finish(manifest.job_id)


def test_a_retry_uses_the_old_jobs_head_and_outlives_that_job(bench: Bench, connection: Connection) -> None:
    old = submitted(connection, order())
    _end(bench, old)
    new = retry(connection, old.job_id)
    assert new.spec == old.spec
    remove(bench.store, bench.ledger, old.job_id)
    assert list(bench.store.list(layout.job_prefix(old.job_id))) == []
    assert read_stored_head(bench.store, new) == HEAD
