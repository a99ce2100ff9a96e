"""What to do when running a shard broke: a pure decision, apart from acting on it."""

from enum import StrEnum

import redis

from engine import EngineError
from jobs.outcome import Code
from jobs.papers import NoSuchJobError
from jobs.shards import NewerFormatError
from jobs.stores import StoreUnavailable
from worker.engine_process import EngineDied, EngineLostDevice, EngineUnavailable
from worker.quarantine import QuarantineBusy

MAX_ATTEMPTS = 3
MAX_LOST_DEVICES = 5
"""More than of attempts: devices fail by themselves. Still it may be the rows that break the kernels."""


class Decision(StrEnum):
    """What happens to a shard that broke."""

    GIVE_BACK = "give_back"  # nobody's fault here: the reconciler sends it again, uncounted
    SUSPECT = "suspect"  # an engine died with it: it is sent again too, and runs in quarantine
    RETRY = "retry"  # counted, and sent again by the reconciler
    FAIL_ROWS = "fail_rows"  # it broke too often: its rows end as failed


class OtherModelError(Exception):
    """The job was promised other weights than this worker has."""


# What is away or removed, work for another worker, and the end of an engine that many shards were in.
_SAY_NOTHING = (
    redis.RedisError,
    StoreUnavailable,
    NewerFormatError,
    OtherModelError,
    NoSuchJobError,
    EngineDied,
    EngineUnavailable,
    QuarantineBusy,
)


def decide(error: Exception, attempts: int) -> Decision:
    """`attempts` counts this one, if this kind of error counts; lost devices are counted by themselves.

    A shard that was there when a second device was lost runs alone from then on, so that the others get done.
    """
    if isinstance(error, EngineLostDevice):
        if attempts >= MAX_LOST_DEVICES:
            return Decision.FAIL_ROWS
        return Decision.GIVE_BACK if attempts == 1 else Decision.SUSPECT
    if isinstance(error, EngineDied):
        return Decision.SUSPECT
    if not counts_as_attempt(error):
        return Decision.GIVE_BACK
    return Decision.RETRY if attempts < MAX_ATTEMPTS else Decision.FAIL_ROWS


def counts_as_attempt(error: Exception) -> bool:
    """Whether an error says that something is wrong with the shard."""
    return not isinstance(error, _SAY_NOTHING)


def code_of(error: Exception) -> Code:
    """The code of rows that fail because of it."""
    return Code.ENGINE_ERROR if isinstance(error, EngineError) else Code.INTERNAL_ERROR


def reason_for_log(error: Exception) -> str:
    """The engine's own code where it has one: it tells whether memory ran out, or the process died."""
    return error.code if isinstance(error, EngineError) else code_of(error).value
