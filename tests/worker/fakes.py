"""Stand-ins with the faces that the worker needs, and jobs that are ready to run."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import fakeredis

from engine import (
    Abilities,
    BestChoice,
    ChoiceScores,
    Completion,
    Embedding,
    FinishReason,
    LabelScores,
    Request,
    Usage,
)
from engine.abilities import DECODER
from engine.tokenizer import Tokenizer
from jobs import layout
from jobs.dispatch import Dispatcher
from jobs.ledger import Ledger
from jobs.manifest import Manifest, Row
from jobs.manifest import Model as PromisedModel
from jobs.queues import Message
from jobs.shards import encode_shard
from jobs.spec import GenerateSpec, Spec
from jobs.stores import MemoryStore, ObjectStore
from worker.checkpoints import Checkpoints
from worker.document_parsers import DocumentParsers
from worker.drain import Drain
from worker.engine_messages import Result
from worker.engine_process import EngineProcess
from worker.leases import Leases
from worker.model import Model
from worker.outage import Outage
from worker.parse_process import ParseLimits
from worker.quarantine import Quarantine
from worker.row_text import RowTexts
from worker.run_shard import ShardRunner
from worker.settle import Settler

FINGERPRINT = "f" * 16


class FakeTokenizer:
    """A word is a token; ids count up as words are met."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def encode(self, text: str, add_special_tokens: bool = True) -> list[int]:
        return [self._id(word) for word in text.split()]

    def encode_as_text(self, text: str) -> list[int]:
        return self.encode(text)

    def decode(self, token_ids: Sequence[int]) -> str:
        return " ".join(self.words[token_id] for token_id in token_ids)

    def chat_token_ids(self, messages: Sequence[Mapping[str, str]]) -> list[int]:
        return self.encode(" ".join(f"<{each['role']}> {each['content']}" for each in messages))

    def _id(self, word: str) -> int:
        if word not in self.words:
            self.words.append(word)
        return self.words.index(word)


Answer = Callable[[str, Request], "Result | Exception | None"]


class FakeEngine:
    """Answers by a function of the prompt's words; None leaves a request running until it is cancelled."""

    def __init__(self, answer: Answer, tokenizer: FakeTokenizer) -> None:
        self.answer = answer
        self._tokenizer = tokenizer
        self.prompts: list[str] = []
        self.futures: list[Future[Result]] = []

    def submit(self, request: Request) -> "Future[Result]":
        prompt = self._tokenizer.decode(request.prompt_token_ids or ())
        self.prompts.append(prompt)
        answer = self.answer(prompt, request)
        if isinstance(answer, Exception):
            raise answer
        future: Future[Result] = Future()
        self.futures.append(future)
        if answer is not None:
            future.set_result(answer)
        return future


def completion(text: str, reason: FinishReason = FinishReason.STOP) -> Completion:
    return Completion(token_ids=(1,), text=text, finish_reason=reason, usage=Usage(3, 1, 1), logprobs=None)


def scores(*logprobs: float) -> ChoiceScores:
    return ChoiceScores(logprobs, tuple(1 for _ in logprobs), Usage(3, 1, 0))


def best_choice(index: int) -> BestChoice:
    return BestChoice(index, logprob=-1.0, token_count=1, usage=Usage(3, 1, 0))


def embedding(*values: float) -> Embedding:
    return Embedding(values, Usage(3, 0, 0))


def label_scores(*probabilities: float) -> LabelScores:
    return LabelScores(tuple(map(math.log, probabilities)), Usage(3, 0, 0))


def fake_model(
    answer: Answer, max_model_len: int = 400, abilities: Abilities = DECODER
) -> tuple[Model, FakeEngine]:
    tokenizer = FakeTokenizer()
    engine = FakeEngine(answer, tokenizer)
    model = Model("tiny", FINGERPRINT, max_model_len, cast("Tokenizer", tokenizer), engine, abilities)
    return model, engine


class NoQuarantine(Quarantine):
    """For shards that no engine dies with."""

    def __init__(self, bench: "Bench") -> None:
        super().__init__(bench.store, bench.ledger, no_engine)


def no_engine() -> EngineProcess:
    raise AssertionError("no shard is a suspect here")


def row_texts(store: ObjectStore) -> RowTexts:
    """Starts no process until there is a document that needs one."""
    return RowTexts(store, DocumentParsers(ParseLimits(), 1))


def fake_ledger() -> Ledger:
    return Ledger(cast("Any", fakeredis.FakeRedis(decode_responses=True)))


@dataclass(slots=True)
class Outbox:
    """Messages that were sent, in order."""

    messages: list[Message] = field(default_factory=list)

    def send(self, message: Message) -> None:
        self.messages.append(message)

    @property
    def task_ids(self) -> list[str]:
        return [message.task_id for message in self.messages]

    def take(self) -> list[str]:
        """The ids since the last look."""
        ids, self.messages = self.task_ids, []
        return ids


def make_job(store: ObjectStore, shards: Sequence[Sequence[Row]], **more: Any) -> Manifest:
    """Write a submitted job's shards, manifest and open marker."""
    spec: Spec = more.pop("spec", GenerateSpec())
    manifest = Manifest(
        job_id=more.pop("job_id", "20260101t000000-00000001"),
        spec=spec,
        model=PromisedModel(alias="tiny", fingerprint=more.pop("fingerprint", FINGERPRINT)),
        source="memory",
        created_at=datetime.now(UTC),
        shard_rows=tuple(len(rows) for rows in shards),
        input_sha256="0" * 64,
        **more,
    )
    for shard_no, rows in enumerate(shards):
        store.put(layout.shard(manifest.job_id, shard_no), encode_shard(manifest.job_id, shard_no, rows))
    store.put(layout.manifest(manifest.job_id), manifest.model_dump_json().encode())
    store.put(layout.open_marker(manifest.job_id), b"")
    return manifest


def rows(*texts: str, start: int = 0) -> list[Row]:
    return [Row(id=f"r{number}", text=text) for number, text in enumerate(texts, start)]


@dataclass(slots=True)
class Bench:
    """A store, a ledger and an outbox with nothing in them."""

    store: MemoryStore = field(default_factory=MemoryStore)
    ledger: Ledger = field(default_factory=fake_ledger)
    outbox: Outbox = field(default_factory=Outbox)

    def dispatcher(self, window_shards: int = 2) -> Dispatcher:
        return Dispatcher(self.ledger, self.outbox.send, window_shards)

    def leases(self, worker_id: str = "me") -> Leases:
        return Leases(self.ledger, worker_id, 15)

    def drain(self, leases: Leases, timeout_s: float = 25.0) -> Drain:
        """One that ends no process, and whose time passes."""
        drain = Drain(self.store, leases, self.dispatcher(), timeout_s, grace_s=60, end=lambda _: None)
        drain.start()
        return drain

    def runner(
        self,
        model: Model,
        leases: Leases | None = None,
        drain: Drain | None = None,
        quarantine: Quarantine | None = None,
        worker_id: str = "me",
        texts: RowTexts | None = None,
        outage: Outage | None = None,
    ) -> ShardRunner:
        """One worker's."""
        leases = leases or self.leases(worker_id)
        settler = Settler(self.store, self.ledger, self.dispatcher())
        checkpoints = Checkpoints(self.store, worker_id)
        drain = drain or Drain(self.store, leases, self.dispatcher(), timeout_s=25)
        quarantine = quarantine or NoQuarantine(self)
        return ShardRunner(
            self.store,
            self.ledger,
            leases,
            settler,
            model,
            quarantine,
            checkpoints,
            drain,
            texts or row_texts(self.store),
            outage or Outage(),
        )


class Interrupted(Exception):
    """Stands for the death of the process."""


class DyingStore(MemoryStore):
    """A store whose process dies at the n-th thing that it is told to change."""

    def __init__(self) -> None:
        super().__init__()
        self.changes_left: int | None = None

    def put(self, key: str, body: bytes) -> None:
        self._count()
        super().put(key, body)

    def create(self, key: str, body: bytes) -> bool:
        self._count()
        return super().create(key, body)

    def delete(self, keys: "Any") -> None:
        self._count()
        super().delete(keys)

    def _count(self) -> None:
        if self.changes_left is not None:
            if self.changes_left == 0:
                raise Interrupted
            self.changes_left -= 1


def all_keys(store: ObjectStore) -> Iterator[str]:
    return store.list("")
