"""Into how many parts a decode step cuts each sequence's KV, so that few sequences still fill the GPU.

The idea is Flash-Decoding's (https://crfm.stanford.edu/2023/10/12/flashdecoding.html). Imports no torch.
"""

MAX_SPLITS = 64
FEWEST_KEYS = 256  # below that, starting a program and joining its part cost more than they save
PROGRAMS_A_MULTIPROCESSOR = 2  # that run at a time: their loads under way keep a Hopper's memory busy
GOOD_ENOUGH = 0.9  # of the best use: fewer splits leave less to join


def choose_num_splits(
    batch: int, num_kv_heads: int, longest_length: int, num_multiprocessors: int, window: int | None = None
) -> int:
    """Between 1 and MAX_SPLITS; `longest_length`, in tokens, is the longest that the launch will ever see.

    A captured graph keeps its splits, so there the batch is the padded one and the length the longest that
    the graph is used for. Shorter sequences are cut into fewer parts by the kernel itself.
    """
    keys = longest_length if window is None else min(longest_length, window)
    most = max(min(keys // FEWEST_KEYS, MAX_SPLITS), 1)
    slots = num_multiprocessors * PROGRAMS_A_MULTIPROCESSOR
    uses = [_use(batch * num_kv_heads * splits, slots) for splits in range(1, most + 1)]
    return next(index for index, use in enumerate(uses, 1) if use >= GOOD_ENOUGH * max(uses))


def workspace_floats(batch: int, num_heads: int, head_dim: int, num_splits: int) -> int:
    """How many float32 numbers the parts take: sums of each, and the logarithm of its weights' total."""
    return batch * num_heads * num_splits * (head_dim + 1) if num_splits > 1 else 0


def _use(programs: int, slots: int) -> float:
    """The share of slots that are busy, on average, until the last program ends."""
    rounds = -(-programs // slots)
    return programs / (rounds * slots)
