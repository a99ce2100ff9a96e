"""The systems: how each is started for a work, and what a reader must know of it."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from engine.models import ALIASES, packaged_file, resolve
from ops.benchmark.results import BASELINE, FLOAT32, REFERENCE
from ops.benchmark.works import Work

MODEL = "smollm2-135m-instruct"
STATIC_ROWS = 8
LLAMA_SLOTS = 32
GUIDED_BLOCK_TOKENS = 32  # by default 128 on a CPU, so that short prompts never share a block
INSTALL = "ops/BENCHMARKS.md says how to install it"


@dataclass(frozen=True, slots=True)
class Pythons:
    """Where the peers in venvs of their own are; None for one that is not given."""

    vllm: str | None
    llama: str | None


@dataclass(frozen=True, slots=True)
class System:
    """`python` is None where a peer is missing; `settings` are those for a work."""

    name: str
    module: str
    python: str | None
    settings: Callable[[Work], dict[str, Any]]
    note: str
    generates: bool = True
    classifies: bool = False
    option: str = ""  # what names its Python

    def runs(self, work: Work) -> bool:
        """Whether the work is one for this system."""
        return self.classifies if work.classifies else self.generates

    @property
    def missing(self) -> str | None:
        """Why it cannot be started, before anything has been tried."""
        if self.python is None:
            return f"{self.name}: no {self.option} was given; {INSTALL}"
        return None


def systems(pythons: Pythons) -> dict[str, System]:
    """All of them by name, in the order of the tables; resolving the model may convert it first."""
    folder = str(resolve(MODEL).path)
    found = (*_ours(folder), *_transformers(folder), *_vllm(folder, pythons.vllm), _llama(pythons.llama))
    return {system.name: system for system in found}


def _ours(folder: str) -> tuple[System, ...]:
    def settings(engine: dict[str, Any], labels: str) -> Callable[[Work], dict[str, Any]]:
        return lambda _: {"folder": folder, "engine": engine, "labels": labels}

    return (
        System(
            "bydawn",
            "bydawn",
            sys.executable,
            settings({}, "all"),
            "the engine's defaults; work c: all ten labels scored, less their prior",
            classifies=True,
        ),
        System(
            "bydawn-label-only",
            "bydawn",
            sys.executable,
            settings({}, "best"),
            "only which label is best: those that cannot win are not scored to their end",
            generates=False,
            classifies=True,
        ),
        System(
            FLOAT32,
            "bydawn",
            sys.executable,
            settings({"quantization": "none"}, "all"),
            "weights in float32",
        ),
    )


def _transformers(folder: str) -> tuple[System, ...]:
    return (
        System(
            REFERENCE,
            "transformers_static",
            sys.executable,
            lambda _: {"folder": folder, "batch_rows": STATIC_ROWS},
            f"float32; static batches of {STATIC_ROWS}, sorted by the tokens to come",
        ),
        System(
            BASELINE,
            "transformers_continuous",
            sys.executable,
            lambda _: {"folder": folder},
            "float32; the manager behind `generate_batch`, KV for 65,536 tokens, 512 tokens a step",
        ),
    )


def _vllm(folder: str, python: str | None) -> tuple[System, ...]:
    def system(name: str, options: dict[str, Any], note: str) -> System:
        def settings(work: Work) -> dict[str, Any]:
            guided = {"block_size": GUIDED_BLOCK_TOKENS, "enable_prefix_caching": True}
            return {"folder": folder, "llm": options | (guided if work.classifies else {})}

        return System(name, "vllm_offline", python, settings, note, classifies=True, option="--vllm-python")

    guided = f"work c: guided choice, prefix cache on, blocks of {GUIDED_BLOCK_TOKENS} tokens"
    return (
        system("vllm-eager", {"enforce_eager": True}, f"float32; {guided}"),
        system("vllm-compiled", {}, f"float32; {guided}"),
    )


def _llama(python: str | None) -> System:
    gguf = str(packaged_file(*ALIASES[MODEL]))

    def settings(work: Work) -> dict[str, Any]:
        return {"gguf": gguf, "slots": LLAMA_SLOTS, "slot_tokens": work.slot_tokens}

    note = f"its weights have 4 bits (Q4_1), and it computes with them; {LLAMA_SLOTS} slots"
    return System("llama.cpp", "llama_cpp", python, settings, note, option="--llama-python")


def ceilings() -> tuple[System, ...]:
    """Not systems, but what bounds ours: the linear layers alone, as torch and as the engine has them."""
    folder = str(resolve(MODEL).path)

    def layers(name: str) -> System:
        settings = {"folder": folder, "layers": name}
        return System(name, "linear_layers", sys.executable, lambda _: settings, "")

    return layers("plain"), layers("packed"), layers("packed-fp32")
