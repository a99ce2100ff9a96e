"""What a worker reads from the environment, once (`BYDAWN_DEVICE`, `BYDAWN_CONCURRENCY`, ...)."""

import os
import socket
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from secrets import token_hex
from typing import Annotated

from pydantic import AfterValidator, Field

from engine import devices
from engine.config import KVDtype, Quantization
from jobs.names import Name, model_alias, usable_name
from jobs.settings import Settings
from worker import leases, stall


def _spool_folder() -> Path:
    """Of this user, not of this process: the next worker settles what a killed one has left there."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bydawn" / "spool"


class WorkerSettings(Settings):
    """Settings of both sides, and a worker's own."""

    alias: Name | None = None
    device: Annotated[str, AfterValidator(devices.checked)] = "auto"
    quantization: Quantization = Field(default="auto", description="of weights on a CPU")
    max_model_len: int | None = Field(default=None, ge=64, description="tokens; the model's own by default")
    max_sequences: int = Field(default=256, ge=1, description="that the engine runs at a time")
    max_batch_tokens: int | None = Field(
        default=None, ge=1, description="in a step; by the device if not given"
    )
    kv_cache_bytes: int | None = Field(default=None, ge=1, description="what the device can spare by default")
    kv_dtype: KVDtype = Field(default="auto", description="fp8 halves what KV takes on a GPU, and rounds it")
    gpu_memory_fraction: float = Field(default=0.9, gt=0, le=1, description="of all that the GPU has")
    cuda_graphs: bool = Field(default=True, description="for decode steps on a GPU")
    concurrency: int = Field(default=4, ge=1, le=64, description="shards that run at once")
    window_shards: int | None = Field(
        default=None, ge=1, description="of a job, sent ahead; by the live workers if not given"
    )
    lease_life_s: int = Field(default=15, ge=2)
    lease_stall_limit_s: float = Field(
        default=leases.STALL_LIMIT_S, gt=0, description="without any progress, after which a shard is lost"
    )
    checkpoint_interval_s: float = Field(default=30.0, gt=0)
    drain_timeout_s: float = Field(
        default=25.0, ge=0, description="for what runs at the first SIGTERM; up to 4 s more to end"
    )
    reconcile_interval_s: float = Field(default=5.0, gt=0)
    retention_days: int | None = Field(
        default=None, ge=1, le=36_500, description="after its end a job is removed; by default never"
    )
    sweep_interval_s: float = Field(default=3600.0, gt=0, description="between looks for what is to go")
    engine_stall_limit_s: float = Field(
        default=stall.LIMIT_S, gt=0, description="an engine that does nothing for so long is killed"
    )
    spool: Path = Field(default_factory=_spool_folder, description="for parts while the store is away")
    parse_limit_s: int = Field(default=60, ge=1, description="for one document")
    parse_memory_bytes: int = Field(default=1 << 30, ge=256 << 20, description="of each parser's process")
    parse_processes: int = Field(default=2, ge=1, le=64, description="that parse documents side by side")
    log_level: str = "WARNING"

    @property
    def served_alias(self) -> str:
        """The name by which queues know this worker's model."""
        return self.alias or model_alias(self.model)

    @property
    def retention(self) -> timedelta | None:
        return None if self.retention_days is None else timedelta(days=self.retention_days)

    @cached_property
    def worker_id(self) -> str:
        """It names the worker's checkpoints, and is another one after a restart."""
        host = usable_name(socket.gethostname(), max_chars=40) or "worker"
        return f"{host}-{os.getpid()}-{token_hex(3)}"
