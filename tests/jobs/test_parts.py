"""A damaged part is moved aside, and a good one is never touched."""

from collections.abc import Callable

from jobs import layout
from jobs.outcome import Outcome, Usage
from jobs.parts import read_part
from jobs.shards import encode_part
from jobs.stores import MemoryStore
from tests.worker.fakes import make_job, rows


class _Overtaken(MemoryStore):
    """Others go on when a reader has put a damaged part aside."""

    def __init__(self) -> None:
        super().__init__()
        self.others: Callable[[], object] | None = None

    def put(self, key: str, body: bytes) -> None:
        super().put(key, body)
        if "/damaged/" in key and self.others is not None:
            others, self.others = self.others, None
            others()


def test_a_part_that_was_settled_anew_while_its_damaged_one_is_moved_aside_stays() -> None:
    store = _Overtaken()
    manifest = make_job(store, [rows("a")])
    key = layout.part(manifest.job_id, 0)
    good = encode_part(manifest.job_id, 0, [Outcome.ok("r0", {"text": "x"}, Usage())])
    store.put(key, b"damaged")

    def settle_anew() -> None:
        assert read_part(store, manifest, 0) is None
        assert store.create(key, good)

    store.others = settle_anew
    assert read_part(store, manifest, 0) is None
    assert read_part(store, manifest, 0) == good
    assert store.get(layout.damaged_part(manifest.job_id, 0)) == b"damaged"
