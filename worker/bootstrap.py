"""The one place where a worker is wired together."""

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import redis

from engine import Abilities, EngineConfig
from engine.tokenizer import Tokenizer
from jobs import layout
from jobs.dispatch import Dispatcher
from jobs.ledger import Ledger
from jobs.manifest import ServedModel
from jobs.queues import Send
from jobs.spec import Kind
from jobs.stores import ObjectStore
from worker import announce, quarantine, settle_spooled
from worker.announce import Announcer
from worker.checkpoints import Checkpoints
from worker.document_parsers import DocumentParsers
from worker.drain import Drain
from worker.engine_life import EngineLife
from worker.engine_process import EngineProcess
from worker.engine_start import Main
from worker.finish import Finisher
from worker.leases import Leases
from worker.model import Model
from worker.outage import Outage
from worker.parse_process import ParseLimits
from worker.periodic import Periodic
from worker.quarantine import Quarantine
from worker.reconcile import Reconciler
from worker.row_text import RowTexts
from worker.run_shard import ShardRunner
from worker.settings import WorkerSettings
from worker.settle import Settler
from worker.settle_spooled import SpoolSettler
from worker.spool import KEEP_INTERVAL_S, Spool, spool_folder
from worker.sweep import Sweeper

log = logging.getLogger(__name__)


# A suspect shard runs alone in a second engine, beside the first one's memory: few rows at a time, small
# steps, and of a GPU nearly all that the first has left.
QUARANTINE_SEQUENCES = 8
QUARANTINE_BATCH_TOKENS = 2048
QUARANTINE_GPU_FRACTION = 0.98


def engine_config(settings: WorkerSettings) -> EngineConfig:
    return EngineConfig(
        model=settings.model,
        device=settings.device,
        quantization=settings.quantization,
        kv_dtype=settings.kv_dtype,
        cuda_graphs=settings.cuda_graphs,
        kv_cache_bytes=settings.kv_cache_bytes,
        gpu_memory_fraction=settings.gpu_memory_fraction,
        max_batch_tokens=settings.max_batch_tokens,
        max_sequences=settings.max_sequences,
        max_model_len=settings.max_model_len,
    )


def quarantine_config(settings: WorkerSettings, runs_on: str, max_model_len: int) -> EngineConfig:
    """As the worker's own engine, which runs there and takes texts so long, as this one must; but small."""
    config = engine_config(settings)
    if config.max_batch_tokens is None and runs_on.startswith("cuda"):
        config = replace(config, max_batch_tokens=QUARANTINE_BATCH_TOKENS)
    return replace(
        config,
        cuda_graphs=False,
        gpu_memory_fraction=max(config.gpu_memory_fraction, QUARANTINE_GPU_FRACTION),
        max_sequences=min(config.max_sequences, QUARANTINE_SEQUENCES),
        max_model_len=max_model_len,
    )


def start_engine(settings: WorkerSettings, engine_main: Main, config: EngineConfig) -> EngineProcess:
    """Load the model; raises ModelError."""
    return EngineProcess(config, engine_main, settings.engine_stall_limit_s)


def load_model(settings: WorkerSettings, engine: EngineProcess) -> Model:
    return Model(
        alias=settings.served_alias,
        fingerprint=engine.fingerprint,
        max_model_len=engine.max_model_len,
        tokenizer=Tokenizer.load(settings.model),
        engine=engine,
        abilities=engine.abilities,
        num_layers=engine.num_layers,
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
    drain: Drain
    periodics: tuple[Periodic, ...]

    def start(self) -> None:
        self.drain.start()
        for periodic in self.periodics:
            periodic.start()

    def close(self) -> None:
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


def build(
    settings: WorkerSettings,
    store: ObjectStore,
    ledger: Ledger,
    send: Send,
    model: Model,
    start_engine: Callable[[], EngineProcess],
    life: Callable[[], EngineLife] = EngineLife,
) -> Worker:
    """`start_engine` starts another one, for the quarantine; `life` tells of the model's."""
    leases = Leases(ledger, settings.worker_id, settings.lease_life_s, settings.lease_stall_limit_s)
    dispatcher = Dispatcher(ledger, send, settings.window_shards)
    drain = Drain(store, leases, dispatcher, settings.drain_timeout_s)
    spool = _spool(settings, store, leases, drain)
    settler = Settler(store, ledger, dispatcher, spool)
    checkpoints = Checkpoints(store, settings.worker_id)
    announcer = Announcer(
        ledger, settings.worker_id, settings.served_alias, settings.concurrency, leases, life
    )
    suspects = Quarantine(store, ledger, start_engine)
    parsers = _parsers(settings)
    texts = RowTexts(store, parsers, settings.allowed_sources, settings.s3)
    return Worker(
        ledger=ledger,
        announcer=announcer,
        parsers=parsers,
        runner=ShardRunner(
            store, ledger, leases, settler, model, suspects, checkpoints, drain, texts, Outage(life)
        ),
        quarantine=suspects,
        finisher=Finisher(store, ledger, leases),
        drain=drain,
        periodics=(
            _reconcile(settings, store, ledger, dispatcher, settler),
            Periodic("keep_slow", KEEP_INTERVAL_S, spool.keep_slow),
            _settle_spooled(store, spool, settler),
            # A thread of its own, because a large job takes minutes to remove.
            _sweep(settings, store, ledger, drain),
            Periodic("announce", announce.INTERVAL_S, announcer.tell),
            Periodic("close_quarantine", quarantine.CLOSE_INTERVAL_S, suspects.close_if_idle),
            Periodic("checkpoint", settings.checkpoint_interval_s, checkpoints.save_all),
            # Closed last: what still runs must stay ours.
            Periodic("renew_leases", leases.renew_interval_s, leases.renew),
        ),
    )


def _parsers(settings: WorkerSettings) -> DocumentParsers:
    limits = ParseLimits(settings.parse_limit_s, settings.parse_memory_bytes)
    return DocumentParsers(limits, settings.parse_processes)


def _spool(settings: WorkerSettings, store: ObjectStore, leases: Leases, drain: Drain) -> Spool:
    return Spool(
        spool_folder(settings.spool, store),
        drain.over,
        on_try=lambda part: leases.progressed(part.job_id, str(part.shard_no)),
    )


def _settle_spooled(store: ObjectStore, spool: Spool, settler: Settler) -> Periodic:
    spool_settler = SpoolSettler(store, spool, settler)
    return Periodic("settle_spooled", settle_spooled.INTERVAL_S, spool_settler.settle_all)


def _reconcile(
    settings: WorkerSettings, store: ObjectStore, ledger: Ledger, dispatcher: Dispatcher, settler: Settler
) -> Periodic:
    interval_s = settings.reconcile_interval_s
    reconciler = Reconciler(store, ledger, dispatcher, settler, settings.worker_id, interval_s)
    return Periodic("reconcile", interval_s, reconciler.reconcile_if_leader, reconciler.give_up_duty)


def _sweep(settings: WorkerSettings, store: ObjectStore, ledger: Ledger, drain: Drain) -> Periodic:
    interval_s = settings.sweep_interval_s
    sweeper = Sweeper(
        store, ledger, settings.worker_id, interval_s, settings.retention, lambda: drain.has_begun
    )
    return Periodic("sweep", interval_s, sweeper.sweep_if_leader, sweeper.give_up_duties)


def publish_model(store: ObjectStore, model: Model, name: str) -> None:
    """Tell producers what this alias stands for."""
    served = ServedModel(
        alias=model.alias,
        fingerprint=model.fingerprint,
        name=name,
        max_model_len_tokens=model.max_model_len,
        num_layers=model.num_layers,
        kinds=_kinds(model.abilities),
        labels=model.abilities.labels,
        multi_label=model.abilities.multi_label,
    )
    store.put(layout.model(model.alias), served.model_dump_json(indent=2).encode())


def _kinds(abilities: Abilities) -> tuple[Kind, ...]:
    if abilities.generates:
        return ("classify", "summarize", "generate", "embed")
    return ("embed",) if abilities.labels is None else ("classify", "embed")
