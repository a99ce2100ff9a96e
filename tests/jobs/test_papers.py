"""Names, specs, shards and settings: what is refused, and what survives a round trip."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr, ValidationError

from jobs.manifest import Row
from jobs.names import check_name, model_alias, new_job_id
from jobs.outcome import Code, Counts, Outcome, Status, Usage
from jobs.papers import NoSuchJobError, read_manifest
from jobs.settings import Settings
from jobs.shards import (
    CorruptObjectError,
    NewerFormatError,
    decode_part,
    decode_shard,
    encode_part,
    encode_shard,
    part_counts,
)
from jobs.spec import ClassifySpec, Example, Label
from jobs.stores import MemoryStore

JOB = "20260101t000000-00000001"


@pytest.mark.parametrize("name", ["", "..", "a/b", "../x", "a..b", "A", "x" * 64, "a b", "a\n", "é"])
def test_a_name_that_could_leave_its_folder_or_mislead_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not usable"):
        check_name(name)


def test_job_ids_sort_by_time_and_differ() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    ids = [new_job_id(start + timedelta(seconds=n)) for n in range(100)]
    assert ids == sorted(ids)
    assert len({new_job_id(start) for _ in range(100)}) == 100
    assert [check_name(each) for each in ids] == ids


@pytest.mark.parametrize(
    ("model", "alias"),
    [
        ("smollm2-135m-instruct", "smollm2-135m-instruct"),
        ("Qwen/Qwen3-0.6B", "qwen3-0.6b"),
        ("/models/My Model v2/", "my-model-v2"),
        ("weights.Q4_1.gguf", "weights.q4_1"),
        ("..", "model"),
    ],
)
def test_a_models_alias_is_a_name(model: str, alias: str) -> None:
    assert model_alias(model) == alias


@pytest.mark.parametrize("labels", [("a",), ("a", "a"), ("bug_report", "Bug report"), ("a", " "), ("a", "")])
def test_labels_that_cannot_be_told_apart_are_refused(labels: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError):
        ClassifySpec(labels=tuple(Label(name=name) for name in labels))


def test_an_example_with_an_unknown_label_is_refused_by_name() -> None:
    with pytest.raises(ValidationError, match="refund"):
        ClassifySpec(labels=(Label(name="a"), Label(name="b")), examples=(Example(text="x", label="refund"),))


ROWS = [Row(id="ü\n1", text="line\u2028one\nline two"), Row(id="2", error=Code.EMPTY_TEXT)]
OUTCOMES = [
    Outcome.ok("1", {"text": "a\u2028b\nc"}, Usage(prompt_tokens=3)),
    Outcome.failed("2", Code.TOO_LONG, "too long"),
    Outcome.stopped("3", Status.EXPIRED),
]


def test_shards_and_parts_come_back_as_they_were_written() -> None:
    assert decode_shard(encode_shard(JOB, 3, ROWS), JOB, 3) == ROWS
    part = encode_part(JOB, 3, OUTCOMES)
    assert decode_part(part, JOB, 3) == OUTCOMES
    assert (
        part_counts(part, JOB, 3) == Counts.of(OUTCOMES) == Counts(ok=1, failed=1, expired=1, prompt_tokens=3)
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\n",
        b"[]\n",
        b"null\n",
        b"{}\n",
        b"\xff\xfe\n",
        encode_shard(JOB, 4, ROWS),
        encode_shard(JOB, 3, ROWS)[:-9],
    ],
)
def test_an_object_that_is_not_this_shard_whole_is_refused(body: bytes) -> None:
    with pytest.raises(CorruptObjectError, match="shard 3"):
        decode_shard(body, JOB, 3)


def test_what_a_newer_version_wrote_is_left_to_it() -> None:
    body = encode_shard(JOB, 3, ROWS).replace(b'"format":1', b'"format":2', 1)
    with pytest.raises(NewerFormatError):
        decode_shard(body, JOB, 3)


def test_a_job_that_is_not_there_is_told_by_its_id() -> None:
    with pytest.raises(NoSuchJobError, match=JOB):
        read_manifest(MemoryStore(), JOB)


def test_a_password_in_the_brokers_url_never_prints() -> None:
    settings = Settings(broker_url=SecretStr("redis://:sesame@host/0"), store="s")
    assert "sesame" not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
