"""The order of a runner's work on the device, and what it leaves as it was when a step fails."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import pytest
import torch

from engine.assembly import Parts
from engine.errors import ModelError
from engine.gpu.greedy import are_greedy, greedy_samples
from engine.gpu.runner import GpuRunner
from engine.request import Sampling
from engine.sampler import sample
from engine.sequence import Chunk, Sequence
from engine.work import Generation, Sampled
from tests.engine.fakes import pooling, prompted
from tests.engine.gpu.engines import BLOCK_TOKENS, gpu_parts
from tests.engine.gpu.fake_device import FakeDevice, FakeGraph
from tests.engine.gpu.reference import DEVICE
from tests.engine.tiny import Reference, save_model

T = TypeVar("T")
TEXTS = ([5, 6, 7, 8, 9], [10, 11], [12, 13, 14])


needs_no_gpu = pytest.mark.skipif(DEVICE.type != "cpu", reason="has a device fail that is made up")


@pytest.fixture(scope="module")
def model() -> Iterator[Path]:
    """A model that the interpreter is fast with."""
    with TemporaryDirectory() as name:
        yield save_model("olmo2", Path(name))


@pytest.fixture(scope="module")
def reference(model: Path) -> Reference:
    """The same model as transformers runs it."""
    return Reference(model)


@pytest.fixture(scope="module")
def device() -> FakeDevice:
    """The module's, with the runner's graphs."""
    return FakeDevice()


@pytest.fixture(scope="module")
def parts(model: Path, device: FakeDevice) -> Parts:
    """A runner for up to four sequences."""
    return gpu_parts(model, device if DEVICE.type == "cpu" else None, max_sequences=4)


@pytest.fixture
def runner(parts: Parts) -> GpuRunner:
    """The same, after steps that other tests have left it with."""
    assert isinstance(parts.runner, GpuRunner)
    return parts.runner


def placed(token_ids: list[int], first_block: int) -> Sequence:
    """A text in blocks of its own."""
    sequence = prompted(token_ids, max_tokens=99)
    sequence.block_table = [first_block, first_block + 1, first_block + 2]
    return sequence


def whole(sequence: Sequence) -> Chunk:
    return Chunk(sequence, 0, len(sequence.token_ids), is_last=True)


def next_after(sequence: Sequence, num_unknown: int = 0) -> Chunk:
    """The token that the last launch gives, behind so many that nobody has told the sequence yet."""
    end = len(sequence.token_ids) + num_unknown + 1
    return Chunk(sequence, end - 1, end, is_last=True)


def token_ids(results: list[Any]) -> list[int]:
    assert all(isinstance(result, Sampled) for result in results)
    return [result.token_id for result in results]


def test_steps_take_their_tokens_from_those_before_which_nobody_has_read(
    runner: GpuRunner, reference: Reference, device: FakeDevice
) -> None:
    """In chunks, in graphs, beside newcomers, and in another order."""
    first, second, third = (placed(list(text), 10 * n) for n, text in enumerate(TEXTS, start=1))
    hits = runner.graph_counts.hits
    steps = [
        runner.launch([whole(first), whole(second)]),
        runner.launch([next_after(second), next_after(first)]),
        runner.launch([whole(third), next_after(first, 1), next_after(second, 1)]),
    ]
    assert runner.graph_counts.hits == hits + 1
    if DEVICE.type == "cpu":
        assert device.num_on_their_way == len(steps), "a launch has waited for results"
    ids = [token_ids(step.results()) for step in steps]
    expected = [reference.greedy(text, 3, eos=False) for text in TEXTS]
    assert [ids[0][0], ids[1][1], ids[2][1]] == expected[0]
    assert [ids[0][1], ids[1][0], ids[2][2]] == expected[1]
    assert ids[2][0] == expected[2][0]


@contextmanager
def failing(runner: GpuRunner, error: Exception) -> Iterator[None]:
    """Steps raise this in the middle of their launch."""

    def fail(*_: object) -> None:
        raise error

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner._model.decoder, "forward", fail)
        yield


def test_what_a_failed_step_would_have_begun_with_is_there_for_the_next_try(
    runner: GpuRunner, reference: Reference
) -> None:
    first, second = placed([5, 6, 7, 8, 9], 10), placed([10, 11], 20)
    launched = runner.launch([whole(first)])
    with failing(runner, MemoryError()), pytest.raises(MemoryError):
        runner.launch([next_after(first), whole(second)])
    again = runner.launch([next_after(first), whole(second)])
    expected = reference.greedy(first.token_ids, 2, eos=False)
    assert token_ids(launched.results()) == expected[:1]
    assert token_ids(again.results()) == [expected[1], *reference.greedy(second.token_ids, 1, eos=False)]


class Capturing(FakeDevice):
    """Fails at the second of two graphs."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def capture(self, function: Callable[[], T]) -> tuple[FakeGraph, T]:
        if self.graphs:
            raise self._error
        return super().capture(function)


@needs_no_gpu
def test_a_model_that_cannot_be_captured_is_refused_with_the_way_out(model: Path) -> None:
    device = Capturing(RuntimeError("CUDA error: operation not permitted when stream is capturing"))
    with pytest.raises(ModelError, match="cannot be captured in CUDA graphs: set cuda_graphs=False"):
        gpu_parts(model, device)


@needs_no_gpu
def test_without_graphs_the_same_tokens_are_computed(model: Path, reference: Reference) -> None:
    device = Capturing(RuntimeError("no graph is wanted"))
    runner, sequence = gpu_parts(model, device, cuda_graphs=False).runner, placed([5, 6], 10)
    ids = [
        step.results() for step in (runner.launch([whole(sequence)]), runner.launch([next_after(sequence)]))
    ]
    assert token_ids([result for (result,) in ids]) == reference.greedy(sequence.token_ids, 2, eos=False)
    assert device.num_replays == 0


@needs_no_gpu
def test_graphs_that_memory_does_not_suffice_for_are_refused(model: Path) -> None:
    with pytest.raises(ModelError, match="no memory for CUDA graphs: set gpu_memory_fraction"):
        gpu_parts(model, Capturing(MemoryError("full")))


def test_a_chunk_that_is_not_the_last_gives_nothing_and_no_pending_token(runner: GpuRunner) -> None:
    sequence = placed([5, 6, 7, 8, 9], 10)
    assert runner.launch([Chunk(sequence, 0, 2, is_last=False)]).results() == [None]
    assert runner._sampled.rows == {}


def test_one_token_that_is_pooled_is_no_step_for_a_graph(runner: GpuRunner) -> None:
    sequence = pooling([5])
    sequence.block_table = [0]
    misses = runner.graph_counts.misses
    runner.launch([whole(sequence)]).results()
    assert runner.graph_counts.misses == misses + 1


def test_a_step_larger_than_any_before_finds_room_on_its_way(runner: GpuRunner, reference: Reference) -> None:
    """In pinned memory, which is made for decodes."""
    text = [2 + n % 300 for n in range(BLOCK_TOKENS * 20)]
    sequence = prompted(text)
    sequence.block_table = list(range(40, 60))
    assert token_ids(runner.launch([whole(sequence)]).results()) == reference.greedy(text, 1, eos=False)


def test_the_likeliest_tokens_are_what_the_sampler_says(make_logits: Callable[[], torch.Tensor]) -> None:
    logits = make_logits()
    chunks = [whole(prompted([5])) for _ in logits]
    greatest, likeliest = torch.zeros(9), torch.zeros(9, dtype=torch.int64)
    torch.max(logits, -1, out=(greatest[: len(logits)], likeliest[: len(logits)]))
    samples, expected = greedy_samples(chunks, likeliest, greatest), sample(logits, chunks)
    assert samples.unpack(samples.packed) == expected.unpack(expected.packed)
    assert samples.token_ids.tolist() == expected.token_ids.tolist()


@pytest.fixture
def make_logits() -> Callable[[], torch.Tensor]:
    """Of rows that are good, and of rows that are not finite."""

    def make() -> torch.Tensor:
        logits = torch.randn(5, 30, generator=torch.Generator().manual_seed(0))
        logits[1, 3] = torch.nan
        logits[2] = -torch.inf
        logits[3, 4] = torch.inf
        return logits

    return make


@pytest.mark.parametrize(
    ("sampling", "is_greedy"),
    [
        (Sampling(), True),
        (Sampling(max_tokens=3, ignore_eos=True, stop=("x",)), True),
        (Sampling(temperature=0.5), False),
        (Sampling(logprobs=0), False),
        (Sampling(repetition_penalty=1.1), False),
        (Sampling(frequency_penalty=0.1), False),
    ],
)
def test_a_graphs_own_tokens_are_for_those_who_ask_for_nothing_else(
    sampling: Sampling, is_greedy: bool
) -> None:
    asking = Sequence([5], Generation(sampling, frozenset(), seed=0, stream=None))
    assert are_greedy([whole(prompted([5])), whole(asking)]) == is_greedy
