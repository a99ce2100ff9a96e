"""Random numbers that depend on a seed and a place, and on nothing else."""

from hashlib import blake2b


def uniform(seed: int, position: int) -> float:
    """A number from [0, 1) for the token at `position`."""
    return (_hash(f"{seed}:{position}") >> 11) / 2**53


def sample_seed(seed: int, index: int) -> int:
    """The seed of sample `index` of a request: the first's is the request's own.

    Not `seed + index`: two requests whose seeds are neighbours would share their samples.
    """
    return seed if index == 0 else _hash(f"sample:{seed}:{index}")


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest())
