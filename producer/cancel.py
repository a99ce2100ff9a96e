"""Cancel a job: an object in the store says so for good, a key in the ledger at once."""

from datetime import UTC, datetime

from jobs import layout
from jobs.ledger import Ledger
from jobs.manifest import StopOrder
from jobs.papers import read_manifest, read_report
from jobs.stores import ObjectStore


def cancel_job(store: ObjectStore, ledger: Ledger, job_id: str) -> bool:
    """False if it has ended already. Raises NoSuchJobError."""
    read_manifest(store, job_id)
    if read_report(store, job_id) is not None:
        return False
    order = StopOrder(requested_at=datetime.now(UTC))
    store.create(layout.cancel(job_id), order.model_dump_json().encode())
    ledger.stop(job_id)
    return True
