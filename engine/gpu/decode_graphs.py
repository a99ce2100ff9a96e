"""Steps of decodes alone as CUDA graphs, one for each bucket: the host launches one thing, not hundreds.

A graph has its arguments from its capture on, so all that changes from step to step lies in tensors that stay
where they are: a step's numbers go into one memory, packed for the bucket, and its block tables from there
into a table whose rows are as wide as they will ever be.
"""

import logging
import time
from dataclasses import replace
from functools import partial

import torch

from engine.decoder import Decoder, Plan
from engine.errors import ModelError, is_out_of_memory, raise_if_device_lost
from engine.gpu.buckets import Buckets
from engine.gpu.device import Device, Graph
from engine.gpu.inputs import StepInputs, Uploads
from engine.gpu.packing import offsets_of
from engine.gpu.paged_attention import PagedAttention
from engine.gpu.plan import GpuPlan
from engine.gpu.step_layout import StepArrays, padded, padding
from engine.heads import Head
from engine.layer_tap import LayerTap

logger = logging.getLogger(__name__)


class DecodeOutputs:
    """Where every graph leaves what it computes, for as many rows as the largest bucket has.

    One place for all: what each graph gave in memory of its own would add up to gigabytes of logits.
    """

    def __init__(self, num_rows: int, vocab_size: int, device: torch.device) -> None:
        self.logits = torch.zeros(num_rows, vocab_size, device=device)
        self.likeliest = torch.zeros(num_rows, dtype=torch.int64, device=device)
        self.greatest = torch.zeros(num_rows, device=device)  # the likeliest tokens' logits


class DecodeGraphs:
    """Captures all graphs at the start, and replays them in steps.

    `sampled_ids`, [rows] int64, has what the step before sampled: there the graphs find pending tokens.
    """

    def __init__(
        self,
        device: Device,
        decoder: Decoder[Plan],
        head: Head,
        attention: PagedAttention,
        buckets: Buckets,
        outputs: DecodeOutputs,
        sampled_ids: torch.Tensor,
        max_blocks: int,
    ) -> None:
        self.outputs = outputs
        self._device = device
        self._decoder = decoder
        self._head = head
        self._attention = attention
        self._buckets = buckets
        self._sampled_ids = sampled_ids
        shape, place = (buckets.largest, max_blocks), device.torch_device
        self._tables = torch.zeros(shape, dtype=torch.int32, device=place)
        _, num_bytes = offsets_of(padding(*shape).parts().values())
        self._memory = torch.zeros(num_bytes, dtype=torch.uint8, device=place)
        self._graphs: dict[int, Graph] = {}

    def capture(self, uploads: Uploads) -> None:
        """Capture a graph for each bucket, the largest first, so that others find room in its memory.

        Raises ModelError where memory runs out, or the model does what a capture forbids.
        """
        started_s, free_before = time.perf_counter(), self._device.memory().free
        try:
            for bucket in reversed(self._buckets.sizes):
                self._capture(bucket, uploads)
        except (RuntimeError, MemoryError) as error:
            raise_if_device_lost(error)
            raise _refusal(error) from error
        logger.info(
            "captured %d CUDA graphs, for decode steps of up to %d sequences: %.1f s, %d MiB",
            len(self._graphs),
            self._buckets.largest,
            time.perf_counter() - started_s,
            (free_before - self._device.memory().free) >> 20,
        )

    def bucket_for(self, num_rows: int) -> int | None:
        """The rows of the graph for a step of so many decodes; None if there is none."""
        bucket = self._buckets.bucket_for(num_rows)
        return bucket if bucket in self._graphs else None

    def replay(self, bucket: int, arrays: StepArrays, uploads: Uploads) -> None:
        """Compute a step of decodes alone, at most `bucket` of them, into the first rows of `outputs`."""
        sent = uploads.send(padded(arrays, bucket), self._memory)
        width = sent.block_tables.shape[1]
        self._tables[:bucket, :width].copy_(sent.block_tables)
        self._graphs[bucket].replay()

    def _capture(self, bucket: int, uploads: Uploads) -> None:
        sent = uploads.send(padding(bucket, 1), self._memory)
        compute = partial(self._compute, replace(sent, block_tables=self._tables[:bucket]))
        compute()  # compiles kernels and lets libraries take what memory they keep: not for a capture to do
        self._graphs[bucket], _ = self._device.capture(compute)

    def _compute(self, inputs: StepInputs) -> None:
        rows, outputs = len(inputs.token_ids), self.outputs
        plan = GpuPlan(self._attention, inputs, rows, None, LayerTap((), whole=True))
        token_ids = inputs.known_token_ids(self._sampled_ids)
        hidden = self._decoder.forward(token_ids, inputs.positions, plan)
        logits = self._head.logits(hidden, outputs.logits[:rows])
        torch.max(logits, -1, out=(outputs.greatest[:rows], outputs.likeliest[:rows]))


def _refusal(error: Exception) -> ModelError:
    # Not to go on without graphs: a capture that failed leaves torch's allocator as if it still went on
    # (https://github.com/pytorch/pytorch/pull/180395).
    if is_out_of_memory(error):
        return ModelError(
            f"no memory for CUDA graphs: set gpu_memory_fraction or kv_cache_bytes lower ({error})"
        )
    return ModelError(f"the model cannot be captured in CUDA graphs: set cuda_graphs=False ({error})")
