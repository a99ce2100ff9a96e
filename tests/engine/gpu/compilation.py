"""Compiles the kernels for a Hopper GPU, without one, through the functions that launch them.

`python -m tests.engine.gpu.compilation` prints a line of JSON for each kernel, over the whole table of tile
sizes (minutes); with `--few`, over the head size of most models.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Protocol

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.runtime.jit import JITFunction

from engine.fused_families import HeadLayout
from engine.gpu.kv_write import kv_write
from engine.gpu.paged_decode import paged_decode
from engine.gpu.paged_kv import FP8, PagedKV
from engine.gpu.paged_prefill import RaggedBatch, TreeMasks, paged_prefill
from engine.gpu.rms_norm import rms_norm
from engine.gpu.rotary import HeadNorms, turn_heads
from engine.gpu.splits import workspace_floats
from engine.gpu.swiglu import silu_product
from engine.gpu.tile_sizes import decode_tile, prefill_tile
from engine.score_rule import ScoreRule

HOPPER = GPUTarget("cuda", 90, 32)
NUM_HEADS, NUM_KV_HEADS, BLOCK_TOKENS = 8, 2, 16
PLAIN, BENT = ScoreRule(0.1), ScoreRule(0.1, window=1024, softcap=50.0)
CUOBJDUMP = Path(triton.__file__).parent / "backends/nvidia/bin/cuobjdump"


class NoGpu:
    """As much of a driver as compiling asks for."""

    def get_current_target(self) -> GPUTarget:
        """The GPU to compile for."""
        return HOPPER

    def get_current_device(self) -> int:
        """Any."""
        return 0

    def get_current_stream(self, device: int) -> int:
        """Any."""
        return 0


class Case(Protocol):
    """What kernels are compiled for."""

    def launch_all(self) -> None:
        """Each of them, once."""


@dataclass(frozen=True, slots=True)
class AttentionCase:
    """Those that know paged KV."""

    head_dim: int
    dtype: torch.dtype
    cache_dtype: torch.dtype
    rule: ScoreRule
    has_trees: bool

    def __str__(self) -> str:
        trees = " trees" if self.has_trees else ""
        return f"{self.head_dim} {self.dtype} {self.cache_dtype} {self.rule}{trees}"

    @property
    def heads(self) -> torch.Tensor:
        """One token's queries, keys and values."""
        return torch.zeros(1, NUM_HEADS + 2 * NUM_KV_HEADS, self.head_dim, dtype=self.dtype)

    def launch_all(self) -> None:
        """Writing, decode and prefill."""
        part = torch.zeros(2, BLOCK_TOKENS, NUM_KV_HEADS, self.head_dim).to(self.cache_dtype)
        cache = PagedKV(part, part.clone())
        query = self.heads[:, :NUM_HEADS]
        one, zero = torch.ones(1, dtype=torch.int32), torch.zeros(1, dtype=torch.int32)
        self._decode(query, cache, one)
        tiles = torch.zeros(1, 2, dtype=torch.int32)
        batch = RaggedBatch(torch.tensor([0, 1], dtype=torch.int32), one, zero[None], tiles, 1)
        self._prefill(query, cache, batch)
        kv_write(self.heads[:, -4:-2], self.heads[:, -2:], cache, zero.long())

    def _decode(self, query: torch.Tensor, cache: PagedKV, lengths: torch.Tensor) -> None:
        tile = decode_tile(self.head_dim, self.dtype.itemsize, NUM_HEADS // NUM_KV_HEADS)
        workspace = torch.empty(workspace_floats(1, NUM_HEADS, self.head_dim, 4))
        tables, out = lengths[None], torch.empty_like(query, memory_format=torch.contiguous_format)
        paged_decode(
            query, cache, tables, lengths, self.rule, out, tile=tile, num_splits=4, workspace=workspace
        )

    def _prefill(self, query: torch.Tensor, cache: PagedKV, batch: RaggedBatch) -> None:
        group = NUM_HEADS // NUM_KV_HEADS
        tile = prefill_tile(self.head_dim, self.dtype.itemsize, group, 1000, self.has_trees)
        longs = torch.zeros(1, dtype=torch.int64)
        trees = TreeMasks(torch.zeros(1, dtype=torch.int8), longs, longs.int(), longs)
        out = torch.empty_like(query, memory_format=torch.contiguous_format)
        paged_prefill(query, cache, batch, self.rule, out, tile=tile, trees=trees if self.has_trees else None)


@dataclass(frozen=True, slots=True)
class LayerCase:
    """Those between a layer's matrix products."""

    hidden_size: int
    intermediate_size: int
    head_dim: int
    dtype: torch.dtype

    def __str__(self) -> str:
        return f"{self.hidden_size} {self.intermediate_size} {self.head_dim} {self.dtype}"

    def launch_all(self) -> None:
        """With what each can do beside, and without."""
        rows, layout = torch.zeros(1, self.hidden_size, dtype=self.dtype), HeadLayout(8, 2, self.head_dim)
        angles = torch.zeros(1, self.head_dim, dtype=self.dtype)
        norms = HeadNorms(angles.repeat(2, 1), 1e-5)
        for branch, head_norms in ((None, None), (rows, norms)):
            rms_norm(rows, rows[0], 1e-5, branch)
            turn_heads(rows.new_zeros(1, layout.qkv_size), layout, angles, angles, head_norms)
        silu_product(rows.new_zeros(1, 2 * self.intermediate_size))


FEW: list[Case] = [
    AttentionCase(128, torch.bfloat16, torch.bfloat16, PLAIN, has_trees=False),
    AttentionCase(128, torch.float16, FP8, BENT, has_trees=True),
    LayerCase(4096, 14336, 128, torch.bfloat16),
    LayerCase(8192, 28672, 128, torch.float32),
]


def table() -> Iterator[Case]:
    """All that the table of tile sizes has an entry for, and layers of small and large models."""
    dtypes = [(dtype, dtype) for dtype in (torch.bfloat16, torch.float16, torch.float32)]
    for size, (dtype, cache_dtype), rule, has_trees in product(
        (64, 80, 128, 256), [*dtypes, (torch.bfloat16, FP8)], (PLAIN, BENT), (False, True)
    ):
        yield AttentionCase(size, dtype, cache_dtype, rule, has_trees)
    for sizes, (dtype, _) in product(
        ((576, 1536, 64), (1024, 3072, 128), (2560, 6912, 80), (4096, 14336, 128), (8192, 28672, 128)), dtypes
    ):
        yield LayerCase(*sizes, dtype)


def compile_and_print(cases: list[Case]) -> None:
    """A line for each kernel of each case.

    Shared memory, bytes of registers spilled to memory, and how many products of 16 bits are added to
    something before they are rounded.
    """
    triton.runtime.driver.set_active(NoGpu())
    run = JITFunction.run

    def compile_only(kernel: Any, *args: Any, **options: Any) -> None:
        compiled = run(kernel, *args, **{**options, "warmup": True})
        figures = {"kernel": kernel.fn.__name__, "case": str(case), "shared": compiled.metadata.shared}
        figures["unrounded"] = len(re.findall(r"fma\.rn\.b?f16", compiled.asm["ptx"]))
        print(json.dumps(figures | _registers(compiled.asm["cubin"])), flush=True)

    JITFunction.run = compile_only
    for case in cases:
        case.launch_all()


def _registers(cubin: bytes) -> dict[str, int]:
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        usage = subprocess.run(
            [CUOBJDUMP, "-res-usage", file.name], check=True, capture_output=True, text=True
        )
    found = re.search(r"REG:(\d+) STACK:(\d+)", usage.stdout)
    assert found is not None, usage.stdout
    return {"registers": int(found[1]), "spilled": int(found[2])}


if __name__ == "__main__":
    compile_and_print(FEW if "--few" in sys.argv else list(table()))
