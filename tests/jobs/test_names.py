"""Names become parts of keys: whatever could lead elsewhere is refused."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs import layout
from jobs.manifest import Priority
from jobs.names import check_name, model_alias, new_job_id, time_of, usable_name
from jobs.queues import queue_name

ODD = [
    "",
    "..",
    "../up",
    "a/b",
    "a..b",
    ".hidden",
    "-flag",
    "_x",
    "UPPER",
    "a b",
    "a\n",
    "ä",
    "a\0",
    "a*",
    "x" * 64,
]


@pytest.mark.parametrize("name", ODD)
def test_a_name_that_could_lead_elsewhere_is_refused_wherever_keys_are_made(name: str) -> None:
    with pytest.raises(ValueError, match="not usable"):
        check_name(name)
    for make_key in (layout.manifest, layout.open_marker, layout.model, layout.idempotency):
        with pytest.raises(ValueError, match="not usable"):
            make_key(name)
    with pytest.raises(ValueError, match="not usable"):
        queue_name(name, Priority.BULK)


@pytest.mark.parametrize("name", ["a", "0", "a.b_c-d", "x" * 63])
def test_plain_names_are_returned_as_they_are(name: str) -> None:
    assert check_name(name) == name


def test_a_refusal_quotes_only_the_start_of_a_long_name() -> None:
    with pytest.raises(ValueError, match="not usable") as refused:
        check_name("x" * 10_000)
    assert len(str(refused.value)) < 300


@given(st.text())
def test_whatever_a_host_is_called_a_worker_has_a_name(host: str) -> None:
    check_name(f"{usable_name(host, max_chars=40) or 'worker'}-{2**22}-a1b2c3")


def test_job_ids_sort_by_time_and_are_names() -> None:
    start = datetime(2026, 9, 30, 23, 59, 58, tzinfo=UTC)
    ids = [new_job_id(start + timedelta(seconds=number)) for number in range(5)]
    assert ids == sorted(ids)
    assert [check_name(job_id) for job_id in ids] == ids
    assert ids[0].startswith("20260930t235958-")


def test_two_jobs_of_the_same_second_have_different_ids() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert len({new_job_id(now) for _ in range(100)}) == 100


@pytest.mark.parametrize(
    ("model", "alias"),
    [
        ("HuggingFaceTB/SmolLM2-135M-Instruct", "smollm2-135m-instruct"),
        ("/models/Tiny Llama/", "tiny-llama"),
        ("/models/llama.Q4_K_M.GGUF", "llama.q4_k_m"),
        ("/models/..hidden..", "hidden"),
        ("/", "model"),
    ],
)
def test_an_alias_is_the_last_part_of_a_models_name(model: str, alias: str) -> None:
    assert model_alias(model) == alias


@given(st.text(max_size=200))
def test_every_model_name_has_an_alias_that_is_a_name(model: str) -> None:
    assert check_name(model_alias(model))


def test_the_time_of_an_id_is_read_again_and_other_names_have_none() -> None:
    now = datetime(2026, 11, 23, 18, 30, 5, tzinfo=UTC)
    assert time_of(new_job_id(now)) == now
    others = ("", "x", "20261323t183005-9f3a61c2", "models", "20261123t183005-BAD", "20261123t183005-a/b")
    assert [time_of(name) for name in others] == [None] * len(others)
