"""What lies between a decoder's matrix products, for a CPU: one pass over the rows for several of torch's.

Compiled by numba when first imported and kept in its cache; each runs in the calling thread, without the GIL.
All arrays are C-contiguous, or LLVM could make no vector instructions of the loops.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

import numba
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

_LOG2_E = np.float32(1.4426950408889634)
_LN2_HIGH = np.float32(0.693359375)
_LN2_LOW = np.float32(-2.12194440e-4)
# Added to a float32, it rounds to a whole number, which then stands in the lowest bits.
_ROUND = np.float32(12582912.0)
_ROUND_BITS = np.int32(0x4B400000)
_LEAST, _MOST = np.float32(-87.0), np.float32(88.0)

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])


def _compiled(signature: str, sums_in_any_order: bool = False) -> Callable[[FunctionT], FunctionT]:
    """With a signature: compiled when imported, not under a request, and other arrays are refused.

    Only where sums may be taken in any order can LLVM make vectors of them.
    """
    fastmath = {"contract", "nnan", "ninf", "nsz"} | ({"reassoc"} if sums_in_any_order else set())
    compiled: Callable[[FunctionT], FunctionT] = numba.njit(
        signature, nogil=True, cache=True, error_model="numpy", fastmath=fastmath
    )
    return compiled


@_compiled("void(f4[::1], f4[::1], i4[::1])")
def exp_in_place(x: Floats, powers: Floats, bits: npt.NDArray[np.int32]) -> None:
    """e to the power of each of x; `bits` is `powers` seen as int32, and both are scratch as long as x.

    The polynomial is that of Cephes' expf (https://www.netlib.org/cephes/), good to 2e-7.
    """
    for i in range(len(x)):
        x[i] = min(max(x[i], _LEAST), _MOST)
        powers[i] = x[i] * _LOG2_E + _ROUND
    for i in range(len(x)):
        whole = powers[i] - _ROUND
        r = x[i] - whole * _LN2_HIGH - whole * _LN2_LOW
        p = np.float32(1.9875691500e-4)
        p = p * r + np.float32(1.3981999507e-3)
        p = p * r + np.float32(8.3334519073e-3)
        p = p * r + np.float32(4.1665795894e-2)
        p = p * r + np.float32(1.6666665459e-1)
        p = p * r + np.float32(5.0000001201e-1)
        x[i] = p * r * r + r + np.float32(1.0)
    for i in range(len(x)):
        bits[i] = (bits[i] - _ROUND_BITS + np.int32(127)) << np.int32(23)
    for i in range(len(x)):
        x[i] *= powers[i]


@_compiled("void(f4[:, ::1], f4[::1], f4, f4[:, ::1])", sums_in_any_order=True)
def rms_norm(x: Floats, weight: Floats, epsilon: np.float32, out: Floats) -> None:
    """Root mean square norm of each row (https://arxiv.org/abs/1910.07467); x and out [rows, size]."""
    size = x.shape[1]
    for row in range(x.shape[0]):
        total = np.float32(0.0)
        for i in range(size):
            total += x[row, i] * x[row, i]
        scale = np.float32(1.0) / np.sqrt(total / np.float32(size) + epsilon)
        for i in range(size):
            out[row, i] = x[row, i] * scale * weight[i]


@_compiled("void(f4[:, ::1], f4[:, ::1], f4)", sums_in_any_order=True)
def head_norm(heads: Floats, weights: Floats, epsilon: np.float32) -> None:
    """Root mean square norm of each head, in place.

    heads [rows, size], of which the first [heads, head_dim] are as `weights`.
    """
    count, size = weights.shape
    for row in range(heads.shape[0]):
        for head in range(count):
            values = heads[row, head * size : (head + 1) * size]
            total = np.float32(0.0)
            for i in range(size):
                total += values[i] * values[i]
            scale = np.float32(1.0) / np.sqrt(total / np.float32(size) + epsilon)
            for i in range(size):
                values[i] *= scale * weights[head, i]


@_compiled("void(f4[:, ::1], f4[:, ::1])")
def silu_product(gate_up: Floats, out: Floats) -> None:
    """silu(gate) * up; gate_up [rows, 2 * size], out [rows, size]."""
    size = out.shape[1]
    powers = np.empty(size, np.float32)
    bits = powers.view(np.int32)
    for row in range(out.shape[0]):
        for i in range(size):
            out[row, i] = -gate_up[row, i]
        exp_in_place(out[row], powers, bits)
        for i in range(size):
            out[row, i] = gate_up[row, i] * gate_up[row, size + i] / (np.float32(1.0) + out[row, i])


@_compiled("void(f4[:, ::1], i8, f4[:, ::1], f4[:, ::1])")
def rotate(heads: Floats, num_heads: int, cos: Floats, sin: Floats) -> None:
    """Rotary positions, in place: the first `num_heads` of [rows, size]; cos and sin [rows, head_dim]."""
    size = cos.shape[1]
    half = size // 2
    first = np.empty(half, np.float32)  # a copy, so that what is read is not what is being written
    for row in range(heads.shape[0]):
        for head in range(num_heads):
            values = heads[row, head * size : (head + 1) * size]
            for i in range(half):
                first[i] = values[i]
            for i in range(half):
                values[i] = first[i] * cos[row, i] - values[half + i] * sin[row, i]
            for i in range(half):
                values[half + i] = values[half + i] * cos[row, half + i] + first[i] * sin[row, half + i]


@_compiled("void(f4[::1], f4[::1], i4[::1])", sums_in_any_order=True)
def _softmax(scores: Floats, powers: Floats, bits: npt.NDArray[np.int32]) -> None:
    """In place; the others are scratch as in `exp_in_place`."""
    top = scores[0]
    for i in range(len(scores)):
        top = max(top, scores[i])
    for i in range(len(scores)):
        scores[i] -= top
    exp_in_place(scores, powers, bits)
    total = np.float32(0.0)
    for i in range(len(scores)):
        total += scores[i]
    for i in range(len(scores)):
        scores[i] /= total


PADDING = 3  # tokens of no weight, so that the last ones make up four


@_compiled("void(f4[:, ::1], i8)")
def _weigh(scores: Floats, count: int) -> None:
    """Softmax of the first `count` in each row, in place; what follows gets no weight."""
    powers = np.empty(count, np.float32)
    bits = powers.view(np.int32)
    for row in range(len(scores)):
        _softmax(scores[row, :count], powers, bits)
    scores[:, count : count + PADDING] = np.float32(0.0)


@_compiled("void(i8[::1], i8, i8, i8, i8[::1])")
def _find_slots(block_table: Ints, start: int, count: int, block_tokens: int, slots: Ints) -> None:
    """Where `count` tokens from `start` on lie; what follows repeats the last."""
    for index in range(count + PADDING):
        block, offset = divmod(start + min(index, count - 1), block_tokens)
        slots[index] = block_table[block] * block_tokens + offset


PAGED_SIGNATURE = (
    "void(f4[:, :, ::1], f4[:, :, ::1], f4[:, :, ::1], i8[:, ::1], i8[::1], i8[::1], i8, f4, f4[:, :, ::1])"
)
PagedAttention = Callable[[Floats, Floats, Floats, Ints, Ints, Ints, int, np.float32, Floats], None]


@cache
def paged_attention(head_dim: int) -> PagedAttention:
    """The kernel for heads of this size: only loops of known length become vectors, twice as fast."""

    @_compiled(PAGED_SIGNATURE, sums_in_any_order=True)
    def attend_paged(
        query: Floats,
        keys: Floats,
        values: Floats,
        block_tables: Ints,
        starts: Ints,
        ends: Ints,
        block_tokens: int,
        scale: np.float32,
        out: Floats,
    ) -> None:
        """One query a sequence, attending to its tokens from `starts` to before `ends` where they lie.

        query and out [rows, num_heads, head_dim], keys and values [slots, num_kv_heads, head_dim],
        block_tables [rows, blocks].
        """
        num_heads = query.shape[1]
        kv_heads = np.arange(num_heads) // (num_heads // keys.shape[1])
        slots = np.empty((ends - starts).max() + PADDING, np.int64)
        scores = np.empty((num_heads, len(slots)), np.float32)
        out[:] = np.float32(0.0)
        for row in range(len(ends)):
            count = ends[row] - starts[row]
            _find_slots(block_tables[row], starts[row], count, block_tokens, slots)
            for token in range(count):
                slot = slots[token]
                for head in range(num_heads):
                    total = np.float32(0.0)
                    for i in range(head_dim):
                        total += query[row, head, i] * keys[slot, kv_heads[head], i]
                    scores[head, token] = total * scale
            _weigh(scores, count)
            # Four at a time, or the sums would be read and written for each token.
            for token in range(0, count, 4):
                a, b, c, d = slots[token], slots[token + 1], slots[token + 2], slots[token + 3]
                for head in range(num_heads):
                    k, weights = kv_heads[head], scores[head, token : token + 4]
                    for i in range(head_dim):
                        first = weights[0] * values[a, k, i] + weights[1] * values[b, k, i]
                        out[row, head, i] += (
                            first + weights[2] * values[c, k, i] + weights[3] * values[d, k, i]
                        )

    return attend_paged
