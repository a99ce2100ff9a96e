"""What a worker does for life it goes on doing, also after the worst call."""

import threading

import pytest
import redis

from jobs.stores import StoreUnavailable
from worker.periodic import Periodic


@pytest.mark.parametrize("error", [redis.ConnectionError(), StoreUnavailable(), KeyError("a bug")])
def test_a_call_that_fails_is_not_the_last(error: Exception) -> None:
    calls = threading.Semaphore(0)

    def act() -> None:
        calls.release()
        raise error

    periodic = Periodic("test", 0.001, act)
    periodic.start()
    assert all(calls.acquire(timeout=5) for _ in range(3))
    periodic.close()


def test_closing_ends_it_without_waiting_for_the_interval() -> None:
    called = threading.Event()
    periodic = Periodic("test", 3600, called.set)
    periodic.start()
    assert called.wait(5), "the first call comes at once"
    periodic.close()
    assert not any(thread.name == "test" for thread in threading.enumerate())


def test_what_is_done_at_its_close_comes_after_the_last_call_and_may_fail() -> None:
    calls: list[str] = []
    goes_on, called = threading.Event(), threading.Event()

    def act() -> None:
        called.set()
        assert goes_on.wait(5)
        calls.append("act")

    def at_close() -> None:
        calls.append("close")
        raise redis.ConnectionError

    periodic = Periodic("test", 3600, act, at_close)
    periodic.start()
    assert called.wait(5)
    closing = threading.Thread(target=periodic.close)
    closing.start()
    goes_on.set()
    closing.join(5)
    assert calls == ["act", "close"]
