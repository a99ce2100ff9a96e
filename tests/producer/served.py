"""Models that workers have served on a store."""

from jobs import layout
from jobs.manifest import ServedModel
from jobs.spec import Kind
from jobs.stores import ObjectStore
from tests.worker.fakes import FINGERPRINT


def serve(
    store: ObjectStore,
    alias: str = "tiny",
    fingerprint: str = FINGERPRINT,
    kinds: tuple[Kind, ...] = ("classify", "embed"),
) -> None:
    """Say that workers serve it."""
    served = ServedModel(
        alias=alias, fingerprint=fingerprint, name=alias, max_model_len_tokens=100, kinds=kinds
    )
    store.put(layout.model(alias), served.model_dump_json().encode())
