"""The one question that a store is asked before anything depends on it."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from uuid import uuid4

from jobs.stores.base import ObjectStore, StoreError

NUM_RACERS = 4


def prove_conditional_create(store: ObjectStore) -> None:
    """Let a few writers race for one new key; raises `StoreError` unless exactly one of them wins.

    A store that ignores `If-None-Match` lets all of them win, one that checks and then writes often two.
    """
    key = f"probe/{uuid4().hex}"
    bodies = [f"writer {number}".encode() for number in range(NUM_RACERS)]
    try:
        with ThreadPoolExecutor(NUM_RACERS) as pool:
            won = list(pool.map(lambda body: store.create(key, body), bodies))
        winners = [body for body, is_winner in zip(bodies, won, strict=True) if is_winner]
        if winners != [store.get(key)]:
            raise StoreError(
                f"{store.uri}: {len(winners)} of {NUM_RACERS} racing conditional writes (If-None-Match: *) "
                "won where exactly one must, so results could be overwritten; use a store that implements "
                "them, such as AWS S3, SeaweedFS, MinIO or a local folder"
            )
    finally:
        # What is being raised says more than a failing clean-up would.
        with suppress(StoreError):
            store.delete([key])
