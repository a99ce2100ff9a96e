"""Requests of every kind, run by an engine on a made-up device."""

from collections.abc import Sequence as Seq
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from typing import Any

from engine.best_choice import BestChoiceSearch
from engine.blocks import BlockPool
from engine.errors import EngineError
from engine.loop import StepLoop
from engine.request import Sampling
from engine.scheduler import Scheduler
from engine.sequence import Chunk, Sequence
from engine.trie import ChoiceTrie
from engine.work import Generation, Pooling, Scoring
from tests.engine.fakes import stream
from tests.engine.made_up_device import BLOCK_TOKENS, VOCABULARY, Device, EndAfter

LETTERS = {token_id: b"abcde"[token_id : token_id + 1] for token_id in range(VOCABULARY)}
KINDS = ["plain", "stopped", "streamed", "penalized", "matched", "scored", "searched", "pooled"]


@dataclass(frozen=True)
class Ask:
    """A request, of which sequences are made as often as it is run."""

    kind: str  # one of KINDS
    prompt: tuple[int, ...]
    max_tokens: int
    seed: int
    priority: int = 0
    n: int = 1

    def sequences(self) -> list[Sequence]:
        """New ones."""
        return [
            Sequence(list(self.prompt), self._work(self.seed + 1000 * i), self.priority)
            for i in range(self.n)
        ]

    def _work(self, seed: int) -> Generation | Scoring | Pooling:
        trie = ChoiceTrie.of([(1, 2, 3), (1, 2, 4, 2), (3,)])
        match self.kind:
            case "scored":
                return Scoring(trie)
            case "searched":
                return Scoring(trie, BestChoiceSearch(trie, (0.0, 0.0, 0.0)))
            case "pooled":
                return Pooling("mean+last", None)
        sampling = Sampling(
            max_tokens=self.max_tokens, repetition_penalty=1.5 if self.kind == "penalized" else 1.0
        )
        stop = frozenset({self.seed % VOCABULARY}) if self.kind == "stopped" else frozenset[int]()
        work = Generation(sampling, stop, seed, None)
        if self.kind == "streamed":
            work.stream = stream(LETTERS, ["ab", "cc", "ed"])
        if self.kind == "matched":
            work.matcher = EndAfter(self.seed % 7 + 1)  # type: ignore[assignment]
        return work


@dataclass(frozen=True)
class Machine:
    """How much the engine has."""

    max_batch_tokens: int
    max_sequences: int


def answer_of(*sequences: Sequence) -> list[Any]:
    return [_answer(sequence) for sequence in sequences]


def _answer(sequence: Sequence) -> Any:
    match sequence.work:
        case Generation():
            return sequence.finish_reason, sequence.output_token_ids
        case Scoring(search=None) as work:
            return work.choice_logprobs()
        case Scoring(search=search) as work:
            assert search is not None
            best = search.best(work.edge_logprobs)
            return best, work.choice_logprob(best)
        case Pooling() as work:
            return work.embedding(sequence.num_prompt_tokens)


class Run:
    """An engine on a made-up device, whose thread submits and cancels at given launches."""

    def __init__(self, machine: Machine, device: Device, num_blocks: int = 64) -> None:
        self.device = device
        self.scheduler = Scheduler(
            BlockPool(num_blocks), BLOCK_TOKENS, machine.max_batch_tokens, machine.max_sequences
        )
        self.sequences: list[list[Sequence]] = []
        self.futures: list[Future[Any]] = []
        self._look, device.before = device.before, self._before
        self.loop = StepLoop(self.scheduler, device, answer_of)

    def _before(self, chunks: Seq[Chunk]) -> None:
        self.scheduler.check_integrity()
        self._look(chunks)

    def submit(self, ask: Ask) -> None:
        self.sequences.append(ask.sequences())
        self.futures.append(self.loop.submit(*self.sequences[-1]))

    def start(self, asks: list[Ask]) -> None:
        """Submit all before the next step."""

        def submit_all() -> None:
            for ask in asks:
                self.submit(ask)

        self.loop.call(submit_all)

    def outcomes(self) -> list[Any]:
        """Of each request its answer or its error, when all have ended."""
        outcomes = [outcome(future) for future in self.futures]
        self.loop.call(self.scheduler.check_integrity)
        self.loop.call(self.scheduler.check_idle)
        self.loop.close()
        assert self.device.num_in_flight == 0
        return outcomes


def outcome(future: "Future[Any]") -> Any:
    try:
        return future.result(20)
    except CancelledError:
        return CancelledError
    except EngineError as error:
        return type(error), str(error)


def alone(ask: Ask) -> Any:
    """What a request gives in steps one by one, with nobody beside it."""
    run = Run(Machine(64, 8), Device(runs_ahead=False))
    run.start([ask])
    return run.outcomes()[0]
