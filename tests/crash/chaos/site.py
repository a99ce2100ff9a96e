"""Everything a run runs: Redis, the store, the workers in their places, and the ways between them."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from jobs.stores import ObjectStore
from tests.crash.bench import SETTINGS
from tests.crash.chaos.evidence import Versions
from tests.crash.chaos.link import STORE_PREFIX, Link, link
from tests.crash.chaos.place import Place
from tests.crash.chaos.plan import LEASE_LIFE_S
from tests.crash.chaos.redis_server import MortalRedis
from tests.engine.tiny import save_model
from tests.servers import S3Server, s3_server

ANSWER_S = 0.05
"""Slow enough that faults meet shards in the middle."""
DRAIN_TIMEOUT_S = 3


@dataclass(frozen=True, slots=True)
class Site:
    """`store` and `versions` go past all proxies; `ways_in` is the submitter's link."""

    folder: Path
    model: Path
    redis: MortalRedis
    s3: S3Server
    store: ObjectStore
    versions: Versions
    places: Sequence[Place]
    links: Sequence[Link]
    """Of each place, and at the end the submitter's."""
    over: threading.Event
    """Set to cut short whatever lasts."""

    @property
    def submitter_env(self) -> dict[str, str]:
        return {**self.links[-1].env, "BYDAWN_MODEL": str(self.model)}


@contextmanager
def site(folder: Path, num_workers: int) -> Iterator[Site]:
    """All of it, started; gone with the block, but for the folder."""
    model = save_model("llama", folder / "model")
    with ExitStack() as stack:
        redis = MortalRedis(folder / "redis")
        stack.callback(redis.close)
        (folder / "s3").mkdir()
        s3 = stack.enter_context(s3_server(folder / "s3"))
        versions = Versions(s3, STORE_PREFIX)
        links = [stack.enter_context(link(redis.port, s3)) for _ in range(num_workers + 1)]
        places = []
        for number, each in enumerate(links[:-1], start=1):
            place = Place(folder, f"worker-{number}", ANSWER_S, _worker_env(folder, model) | each.env)
            stack.callback(place.close)
            places.append(place)
        store = s3.store(STORE_PREFIX)
        yield Site(folder, model, redis, s3, store, versions, places, links, threading.Event())


def _worker_env(folder: Path, model: Path) -> dict[str, str]:
    return {
        **SETTINGS,
        "BYDAWN_MODEL": str(model),
        "BYDAWN_LOG_LEVEL": "INFO",
        "BYDAWN_SPOOL": str(folder / "spool"),
        "BYDAWN_LEASE_LIFE_S": str(LEASE_LIFE_S),
        "BYDAWN_DRAIN_TIMEOUT_S": str(DRAIN_TIMEOUT_S),
        "BYDAWN_CHECKPOINT_INTERVAL_S": "1",
    }
