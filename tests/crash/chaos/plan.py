"""What happens when: drawn from a seed before anything is started, so that a run can be had again."""

import random
from dataclasses import dataclass
from enum import StrEnum

LEASE_LIFE_S = 3
"""Of the workers; outages and stops last longer."""

MEAN_PAUSE_S = 5.0


class Fault(StrEnum):
    """What is done to a run."""

    KILL_WORKER = "worker killed (SIGKILL)"
    DRAIN_WORKER = "worker told to stop (SIGTERM)"
    FREEZE_WORKER = "worker stopped past its lease (SIGSTOP, SIGCONT)"
    KILL_ENGINE = "engine killed under its worker (SIGKILL)"
    WIPE_REDIS = "Redis killed and restarted empty"
    REDIS_DOWN = "Redis killed, and back after the lease with its data"
    CUT_REDIS = "worker cut off from Redis past its lease"
    STORE_DOWN = "store out of reach past the lease"
    STORE_HANGS = "store stopped past the lease (SIGSTOP, SIGCONT)"
    DROP_CONNECTIONS = "worker's open connections ended"
    LOSE_ANSWERS = "next answers to a worker lost"

    @property
    def is_kill(self) -> bool:
        """Whether it ends a process with SIGKILL."""
        return self in _KILLS


_KILLS = {Fault.KILL_WORKER, Fault.KILL_ENGINE, Fault.WIPE_REDIS, Fault.REDIS_DOWN}

SHARES = {
    Fault.KILL_WORKER: 5,
    Fault.KILL_ENGINE: 4,
    Fault.DRAIN_WORKER: 3,
    Fault.LOSE_ANSWERS: 3,
    Fault.FREEZE_WORKER: 2,
    Fault.WIPE_REDIS: 2,
    Fault.CUT_REDIS: 2,
    Fault.DROP_CONNECTIONS: 2,
    Fault.REDIS_DOWN: 1,
    Fault.STORE_DOWN: 1,
    Fault.STORE_HANGS: 1,
}
"""How often each comes among as many as they add up to, in an order that is drawn."""

_LASTING = {
    Fault.FREEZE_WORKER,
    Fault.REDIS_DOWN,
    Fault.CUT_REDIS,
    Fault.STORE_DOWN,
    Fault.STORE_HANGS,
}


@dataclass(frozen=True, slots=True)
class Event:
    """A fault, when it begins, which worker it is meant for if it is for one, and how long it lasts."""

    at_s: float
    fault: Fault
    worker: int
    lasts_s: float

    @property
    def ends_s(self) -> float:
        return self.at_s + self.lasts_s


def draw_plan(seed: int, duration_s: float, num_workers: int) -> tuple[Event, ...]:
    """Events in order, all over by `duration_s`; some overlap, for faults don't wait for each other."""
    draw = random.Random(seed)
    events: list[Event] = []
    deck: list[Fault] = []
    at_s = draw.uniform(0, MEAN_PAUSE_S)
    while at_s < duration_s:
        deck = deck or _shuffled_deck(draw)
        fault = deck.pop()
        lasts_s = draw.uniform(1.5, 3.0) * LEASE_LIFE_S if fault in _LASTING else 0.0
        events.append(Event(at_s, fault, draw.randrange(num_workers), lasts_s))
        at_s += draw.uniform(0, 2 * MEAN_PAUSE_S)
    return tuple(event for event in events if event.ends_s < duration_s)


def _shuffled_deck(draw: random.Random) -> list[Fault]:
    deck = [fault for fault, share in SHARES.items() for _ in range(share)]
    draw.shuffle(deck)
    return deck
