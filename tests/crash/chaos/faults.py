"""What each fault does to a site; every one undoes itself, or is undone by the keepers of the places."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from subprocess import TimeoutExpired

from tests.crash.chaos.link import Link
from tests.crash.chaos.place import Place
from tests.crash.chaos.plan import Event, Fault
from tests.crash.chaos.site import DRAIN_TIMEOUT_S, Site

DRAIN_LIMIT_S = DRAIN_TIMEOUT_S + 4 + 10
"""The drain, what bydawn allows itself beyond it, and what a busy machine may add."""

MAX_ANSWERS_LOST = 3


class Skipped(Exception):
    """No worker is in a state in which this can be done to it."""


def strike(site: Site, event: Event) -> str:
    """Do it, and return after its end; returns whom it hit. Raises Skipped."""
    return _ACTS[event.fault](site, event)


def _kill_worker(site: Site, event: Event) -> str:
    place = _fit(site, event, lambda place: place.life.is_running)
    place.life.kill()
    return place.name


def _drain_worker(site: Site, event: Event) -> str:
    with _reserved(site, event) as place:
        life = place.life
        life.stop()
        with suppress(TimeoutExpired):
            life.wait(DRAIN_LIMIT_S)
        if life.is_running:
            place.complaints.append(f"{place.name} did not end within {DRAIN_LIMIT_S} s of SIGTERM")
            life.kill()
    return place.name


def _freeze_worker(site: Site, event: Event) -> str:
    with _reserved(site, event) as place:
        life = place.life
        life.freeze()
        site.over.wait(event.lasts_s)
        life.thaw()
    return place.name


def _kill_engine(site: Site, event: Event) -> str:
    return _fit(site, event, lambda place: place.life.is_ready and place.life.kill_engine()).name


def _wipe_redis(site: Site, event: Event) -> str:
    site.redis.wipe()
    return "redis"


def _redis_down(site: Site, event: Event) -> str:
    site.redis.be_away(site.over, event.lasts_s)
    return "redis"


def _cut_redis(site: Site, event: Event) -> str:
    with site.links[event.worker].redis.cut():
        site.over.wait(event.lasts_s)
    return site.places[event.worker].name


def _store_down(site: Site, event: Event) -> str:
    with ExitStack() as stack:
        for link in site.links:
            stack.enter_context(link.store.cut())
        site.over.wait(event.lasts_s)
    return "store"


def _store_hangs(site: Site, event: Event) -> str:
    os.kill(site.s3.pid, signal.SIGSTOP)
    try:
        site.over.wait(event.lasts_s)
    finally:
        os.kill(site.s3.pid, signal.SIGCONT)
    return "store"


def _drop_connections(site: Site, event: Event) -> str:
    link = site.links[event.worker]
    link.redis.proxy.drop_connections()
    link.store.proxy.drop_connections()
    return site.places[event.worker].name


def _lose_answers(site: Site, event: Event) -> str:
    link: Link = site.links[event.worker]
    for _ in range(MAX_ANSWERS_LOST):
        link.redis.proxy.lose_next_answer()
        link.store.proxy.lose_next_answer()
    return site.places[event.worker].name


@contextmanager
def _reserved(site: Site, event: Event) -> Iterator[Place]:
    """A worker that is ready, for this fault alone."""
    place = _fit(site, event, lambda place: place.life.is_ready and place.busy.acquire(blocking=False))
    try:
        yield place
    finally:
        place.busy.release()


def _fit(site: Site, event: Event, takes: Callable[[Place], bool]) -> Place:
    """The one that the event names, or the next that will do."""
    places = [*site.places[event.worker :], *site.places[: event.worker]]
    for place in places:
        if takes(place):
            return place
    raise Skipped(event.fault)


_ACTS: dict[Fault, Callable[[Site, Event], str]] = {
    Fault.KILL_WORKER: _kill_worker,
    Fault.DRAIN_WORKER: _drain_worker,
    Fault.FREEZE_WORKER: _freeze_worker,
    Fault.KILL_ENGINE: _kill_engine,
    Fault.WIPE_REDIS: _wipe_redis,
    Fault.REDIS_DOWN: _redis_down,
    Fault.CUT_REDIS: _cut_redis,
    Fault.STORE_DOWN: _store_down,
    Fault.STORE_HANGS: _store_hangs,
    Fault.DROP_CONNECTIONS: _drop_connections,
    Fault.LOSE_ANSWERS: _lose_answers,
}
