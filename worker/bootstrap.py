"""The one place where a worker is wired together."""

import logging
import threading
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import redis

from engine import EngineConfig
from engine.tokenizer import Tokenizer
from jobs import layout
from jobs.dispatch import Dispatcher
from jobs.ledger import Ledger
from jobs.manifest import ServedModel
from jobs.queues import Send
from jobs.stores import ObjectStore
from worker import announce, quarantine, settle_spooled
from worker.announce import Announcer
from worker.document_parsers import DocumentParsers
from worker.engine_process import EngineProcess
from worker.finish import Finisher
from worker.leases import Leases
from worker.model import Model
from worker.parse_process import ParseLimits
from worker.periodic import Periodic
from worker.quarantine import Quarantine
from worker.reconcile import Reconciler
from worker.row_text import RowTexts
from worker.run_shard import ShardRunner
from worker.settings import WorkerSettings
from worker.settle import Settler
from worker.settle_spooled import SpoolSettler
from worker.spool import Spool, spool_folder

log = logging.getLogger(__name__)


def start_engine(settings: WorkerSettings) -> EngineProcess:
    """Load the model; raises ModelError."""
    return EngineProcess(
        EngineConfig(
            model=settings.model,
            device=settings.device,
            quantization=settings.quantization,
            max_model_len=settings.max_model_len,
        ),
        stall_limit_s=settings.engine_stall_limit_s,
    )


def load_model(settings: WorkerSettings, engine: EngineProcess) -> Model:
    return Model(
        alias=settings.served_alias,
        fingerprint=engine.fingerprint,
        max_model_len=engine.max_model_len,
        tokenizer=Tokenizer.load(settings.model),
        engine=engine,
    )


@dataclass(slots=True)
class Worker:
    """All that runs beside Celery's own threads."""

    ledger: Ledger
    announcer: Announcer
    parsers: DocumentParsers
    runner: ShardRunner
    quarantine: Quarantine
    finisher: Finisher
    stopping: threading.Event
    periodics: tuple[Periodic, ...]

    def start(self) -> None:
        for periodic in self.periodics:
            periodic.start()

    def close(self) -> None:
        self.stopping.set()
        for periodic in self.periodics:
            periodic.close()
        self.quarantine.close()
        self.parsers.close()
        self.announcer.forget()

    def run_shard(self, job_id: str, shard_no: int) -> None:
        self.runner.run(job_id, shard_no)
        # A finish message may wait long for a free thread. This one is free now; the message, which comes
        # all the same, is for the case that we die here.
        with suppress(redis.RedisError):
            if self.ledger.is_complete(job_id):
                self.finish(job_id)

    def finish(self, job_id: str) -> None:
        try:
            self.finisher.finish(job_id)
        except Exception:
            log.exception("action=finish job=%s", job_id)  # the reconciler sends it again


def build(settings: WorkerSettings, store: ObjectStore, ledger: Ledger, send: Send, model: Model) -> Worker:
    leases = Leases(ledger, settings.worker_id, settings.lease_life_s)
    dispatcher = Dispatcher(ledger, send, settings.window_shards)
    stopping = threading.Event()
    spool = Spool(spool_folder(settings.spool, store), stopping)
    settler = Settler(store, ledger, dispatcher, spool)
    announcer = Announcer(ledger, settings.worker_id, settings.served_alias, leases)
    suspects = Quarantine(store, ledger, model, partial(start_engine, settings))
    limits = ParseLimits(settings.parse_limit_s, settings.parse_memory_bytes)
    parsers = DocumentParsers(limits, settings.parse_processes)
    texts = RowTexts(store, parsers, settings.allowed_sources, settings.s3)
    interval_s = settings.reconcile_interval_s
    reconciler = Reconciler(store, ledger, dispatcher, settler, settings.worker_id, interval_s)
    return Worker(
        ledger=ledger,
        announcer=announcer,
        parsers=parsers,
        runner=ShardRunner(store, ledger, leases, settler, model, suspects, texts),
        quarantine=suspects,
        finisher=Finisher(store, ledger, leases),
        stopping=stopping,
        periodics=(
            Periodic("reconcile", interval_s, reconciler.reconcile_if_leader),
            Periodic(
                "settle_spooled", settle_spooled.INTERVAL_S, SpoolSettler(store, spool, settler).settle_all
            ),
            Periodic("announce", announce.INTERVAL_S, announcer.tell),
            Periodic("close_quarantine", quarantine.CLOSE_INTERVAL_S, suspects.close_if_idle),
            # Closed last: what still runs must stay ours.
            Periodic("renew_leases", leases.renew_interval_s, leases.renew),
        ),
    )


def publish_model(store: ObjectStore, model: Model, name: str) -> None:
    """Tell producers what this alias stands for."""
    served = ServedModel(
        alias=model.alias,
        fingerprint=model.fingerprint,
        name=name,
        max_model_len_tokens=model.max_model_len,
        kinds=("classify", "summarize", "generate", "embed"),
    )
    store.put(layout.model(model.alias), served.model_dump_json(indent=2).encode())
