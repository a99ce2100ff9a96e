"""What to do when a shard broke: the whole table."""

import pytest
import redis

from engine import EngineError, ModelError, OutOfMemory
from jobs.outcome import Code
from jobs.papers import NoSuchJobError
from jobs.shards import CorruptObjectError, NewerFormatError
from jobs.stores import StoreError, StoreUnavailable
from worker.engine_process import EngineDied, EngineLostDevice, EngineUnavailable
from worker.quarantine import QuarantineBusy
from worker.retry import (
    MAX_ATTEMPTS,
    MAX_LOST_DEVICES,
    Decision,
    OtherModelError,
    code_of,
    counts_as_attempt,
    decide,
    reason_for_log,
)


@pytest.mark.parametrize(
    ("error", "first", "last", "code"),
    [
        (redis.ConnectionError(), Decision.GIVE_BACK, Decision.GIVE_BACK, None),
        (StoreUnavailable(), Decision.GIVE_BACK, Decision.GIVE_BACK, None),
        (NewerFormatError(), Decision.GIVE_BACK, Decision.GIVE_BACK, None),
        (OtherModelError(), Decision.GIVE_BACK, Decision.GIVE_BACK, None),
        (NoSuchJobError(), Decision.GIVE_BACK, Decision.GIVE_BACK, None),
        (EngineUnavailable(), Decision.GIVE_BACK, Decision.GIVE_BACK, None),
        (QuarantineBusy(), Decision.GIVE_BACK, Decision.GIVE_BACK, None),
        (EngineDied(), Decision.SUSPECT, Decision.SUSPECT, None),
        (EngineLostDevice(), Decision.GIVE_BACK, Decision.SUSPECT, Code.ENGINE_ERROR),
        (ModelError(), Decision.RETRY, Decision.FAIL_ROWS, Code.ENGINE_ERROR),
        (EngineError(), Decision.RETRY, Decision.FAIL_ROWS, Code.ENGINE_ERROR),
        (OutOfMemory(), Decision.RETRY, Decision.FAIL_ROWS, Code.ENGINE_ERROR),
        (StoreError(), Decision.RETRY, Decision.FAIL_ROWS, Code.INTERNAL_ERROR),
        (CorruptObjectError(), Decision.RETRY, Decision.FAIL_ROWS, Code.INTERNAL_ERROR),
        (ValueError(), Decision.RETRY, Decision.FAIL_ROWS, Code.INTERNAL_ERROR),
    ],
)
def test_each_error_has_its_decision(
    error: Exception, first: Decision, last: Decision, code: Code | None
) -> None:
    assert decide(error, 1) is first
    assert decide(error, MAX_ATTEMPTS) is last
    if code is not None:
        assert code_of(error) is code


def test_a_shard_is_given_up_when_it_was_there_as_often_as_no_chance_explains_a_device_was_lost() -> None:
    decisions = [decide(EngineLostDevice(), lost) for lost in range(1, MAX_LOST_DEVICES + 1)]
    alone = [Decision.SUSPECT] * (MAX_LOST_DEVICES - 2)
    assert decisions == [Decision.GIVE_BACK, *alone, Decision.FAIL_ROWS]
    assert not counts_as_attempt(EngineLostDevice()), "it is counted by itself"


def test_the_log_tells_what_became_of_the_engine() -> None:
    errors = (OutOfMemory(), EngineDied(), EngineLostDevice(), EngineError(), StoreError())
    assert [reason_for_log(error) for error in errors] == [
        "out_of_memory",
        "died",
        "device_lost",
        "step_failed",
        "internal_error",
    ]
