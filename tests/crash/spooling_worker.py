"""A worker's process that has finished a shard and can't store its part, for tests that kill it."""

from pathlib import Path

from jobs.dispatch import Dispatcher
from jobs.manifest import Manifest
from jobs.outcome import Outcome
from jobs.stores import ObjectStore
from jobs.stores.locations import S3Location
from jobs.stores.s3 import S3Store
from tests.servers import BUCKET, S3Server
from tests.worker.fakes import fake_ledger
from worker.settle import Settler
from worker.spool import Spool, spool_folder


def hasty_store(server: S3Server, prefix: str) -> ObjectStore:
    """One whose client says at once that the server is away, instead of after half a minute."""
    return S3Store(S3Location(BUCKET, prefix), server.access, max_attempts=1)


def settle(server: S3Server, prefix: str, spool: Path, manifest: Manifest, outcomes: list[Outcome]) -> None:
    store, ledger = hasty_store(server, prefix), fake_ledger()
    settler = Settler(store, ledger, Dispatcher(ledger, lambda _: None), Spool(spool_folder(spool, store)))
    settler.settle(manifest, 0, outcomes)
