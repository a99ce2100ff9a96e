"""Steps on a GPU, launched one ahead: nothing here waits for the device but `results`."""

from collections.abc import Sequence as Seq
from contextlib import suppress
from dataclasses import dataclass, field

import torch

from engine.backend import GraphCounts
from engine.decoder import Decoder, Plan
from engine.gpu.buckets import Buckets
from engine.gpu.decode_graphs import DecodeGraphs, DecodeOutputs
from engine.gpu.device import Device, Event
from engine.gpu.greedy import are_greedy, greedy_samples
from engine.gpu.inputs import StepInputs, Uploads
from engine.gpu.packing import offsets_of
from engine.gpu.paged_attention import PagedAttention
from engine.gpu.plan import GpuPlan, LongRows
from engine.gpu.step_layout import StepLayout, lay_out, padding
from engine.heads import Head
from engine.layer_tap import DeepEnough
from engine.reading import Reading, make_tap, read, read_samples
from engine.sampler import sample
from engine.sequence import Chunk, Sequence
from engine.work import ChunkResult


@dataclass(frozen=True, slots=True)
class GpuModel:
    """A decoder with its head, and how many logits that gives."""

    decoder: Decoder[Plan]
    head: Head
    vocab_size: int


@dataclass(frozen=True, slots=True)
class LaunchedStep:
    """A step on its way; `_host_copy` is pinned memory that holds its numbers after the event."""

    _reading: Reading
    _host_copy: torch.Tensor
    _event: Event

    def results(self) -> list[ChunkResult]:
        """As `Launched.results`."""
        self._event.wait()
        return self._reading.unpack(self._host_copy)


@dataclass(slots=True)
class SampledIds:
    """Ids that the last step sampled, on the device, and which sequence has which row of them.

    They stay until another step is launched to its end: one that fails is tried again, and finds them.
    """

    token_ids: torch.Tensor  # [max_sequences] int64
    rows: dict[Sequence, int] = field(default_factory=dict)

    def keep(self, reading: Reading) -> None:
        """Those of a step that is launched, all but what may fail."""
        if reading.samples is None:
            self.rows = {}
            return
        chunks, token_ids = reading.samples.chunks, reading.samples.token_ids
        self.token_ids[: len(chunks)].copy_(token_ids)
        self.rows = {chunk.sequence: row for row, chunk in enumerate(chunks)}


class GpuRunner:
    """As `Runner`, for one thread."""

    runs_ahead = True

    def __init__(
        self,
        device: Device,
        model: GpuModel,
        attention: PagedAttention,
        max_sequences: int,
        buckets: Buckets,
        max_model_len: int,
    ) -> None:
        self.graph_counts = GraphCounts()
        self._device = device
        self._model = model
        self._attention = attention
        self._block_tokens = attention.kv_cache.block_tokens
        place = device.torch_device
        self._sampled = SampledIds(torch.zeros(max_sequences, dtype=torch.int64, device=place))
        max_blocks = -(-max_model_len // self._block_tokens)
        _, num_bytes = offsets_of(padding(buckets.largest, max_blocks).parts().values())
        self._uploads = Uploads(device, num_bytes)
        self._graphs = DecodeGraphs(
            device,
            model.decoder,
            model.head,
            attention,
            buckets,
            DecodeOutputs(buckets.largest, model.vocab_size, place),
            self._sampled.token_ids,
            max_blocks,
        )
        # Weights, KV and the above were queued to another stream, which ours would not wait for.
        device.synchronize()

    @torch.inference_mode()
    def capture_graphs(self) -> None:
        """Once, before the first step."""
        with self._device.working():
            self._graphs.capture(self._uploads)

    @torch.inference_mode()
    def launch(self, chunks: Seq[Chunk]) -> LaunchedStep:
        """As `Runner.launch`."""
        with self._device.working():
            layout = lay_out(chunks, self._block_tokens, self._attention.shape, self._sampled.rows)
            bucket = self._graphs.bucket_for(len(chunks)) if has_graph(layout) else None
            if bucket is None:
                self.graph_counts.misses += 1
                reading = self._compute(layout)
            else:
                self.graph_counts.hits += 1
                reading = self._replay(layout, bucket)
            return self._send_back(reading)

    def _compute(self, layout: StepLayout) -> Reading:
        """Launch all kernels one by one."""
        inputs = self._uploads.send(layout.arrays)
        plan = self._plan(layout, inputs)
        token_ids = inputs.known_token_ids(self._sampled.token_ids)
        hidden = None
        with suppress(DeepEnough):
            hidden = self._model.decoder.forward(token_ids, inputs.positions, plan)
        return read(layout.placed, plan.tap, hidden, self._model.head)

    def _plan(self, layout: StepLayout, inputs: StepInputs) -> GpuPlan:
        long, group = None, self._attention.shape.group
        if layout.tile is not None:
            long = LongRows.of(layout.long_chunks, layout.tile, inputs, group)
        tap = make_tap([item.chunk for item in layout.placed])
        return GpuPlan(self._attention, inputs, layout.num_decodes, long, tap)

    def _replay(self, layout: StepLayout, bucket: int) -> Reading:
        """Replay a graph, and sample from its logits what it does not sample itself."""
        self._graphs.replay(bucket, layout.arrays, self._uploads)
        outputs, chunks = self._graphs.outputs, [item.chunk for item in layout.placed]
        if are_greedy(chunks):
            samples = greedy_samples(chunks, outputs.likeliest, outputs.greatest)
        else:
            samples = sample(outputs.logits[: len(chunks)], chunks)
        return read_samples(layout.placed, samples)

    def _send_back(self, reading: Reading) -> LaunchedStep:
        packed = reading.packed
        host_copy = self._device.pinned(packed.nbytes).view(packed.dtype)
        if len(packed):
            self._device.download(packed, host_copy)
        self._sampled.keep(reading)
        return LaunchedStep(reading, host_copy, self._device.event())


def has_graph(layout: StepLayout) -> bool:
    """Whether a graph computes what this step asks for: the next token of each of its decodes."""
    return (
        layout.tile is None
        and not len(layout.arrays.copied_from)
        and all(item.chunk.gives_token for item in layout.placed)
    )
