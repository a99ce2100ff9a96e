"""An engine on a GPU answers as transformers does, and as the engine on a CPU does."""

import random
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from engine import Engine, Request
from tests.engine.gpu.engines import ask_all, cpu_engine, gpu_engine, greedy
from tests.engine.tiny import FAMILIES, WINDOW, Reference, save_model

CLOSE = 1e-4
PROMPT = [random.Random(1).randrange(2, 320) for _ in range(WINDOW + 4)]
OTHERS = [[random.Random(n).randrange(2, 320) for _ in range(3 + 5 * n)] for n in range(1, 4)]
CHOICES = (" billing", " bill", " bug in the account", "x")


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Where the module's models lie."""
    with TemporaryDirectory() as name:
        yield Path(name)


@pytest.fixture(scope="module")
def llama(folder: Path) -> Path:
    """A tiny Llama, which runs in modules of our own."""
    return save_model("llama", folder / "shared-llama")


@pytest.fixture(scope="module")
def engine(llama: Path) -> Iterator[Engine]:
    """One for tests that need no settings of their own; all blocks come back."""
    with gpu_engine(llama, max_sequences=4) as engine:
        yield engine
        engine.check_integrity()


@pytest.fixture(scope="module")
def on_cpu(llama: Path) -> Iterator[Engine]:
    """The same model on a CPU."""
    with cpu_engine(llama) as engine:
        yield engine


@pytest.fixture(scope="module")
def reference(llama: Path) -> Reference:
    """The same model as transformers runs it."""
    return Reference(llama)


@pytest.mark.parametrize("family", FAMILIES)
def test_greedy_tokens_equal_generate(family: str, folder: Path) -> None:
    path = save_model(family, folder / family)
    with gpu_engine(path, max_sequences=1) as engine:
        (answer,) = ask_all(engine, [Request(prompt_token_ids=PROMPT, sampling=greedy(4))])
        stats = engine.stats()
    assert list(answer.token_ids) == Reference(path).greedy(PROMPT, 4, eos=False)
    assert (stats.graph_hits, stats.graph_misses) == (3, 1)


def test_texts_of_all_lengths_side_by_side(llama: Path, reference: Reference) -> None:
    """Chunks and decodes in one step, more sequences than run at a time, and buckets with padding."""
    prompts = [PROMPT, *OTHERS, [5]]
    requests = [Request(prompt_token_ids=prompt, sampling=greedy(3 + len(prompt) % 3)) for prompt in prompts]
    with gpu_engine(llama, max_sequences=4, max_batch_tokens=16) as engine:
        answers = ask_all(engine, requests)
        stats = engine.stats()
    for request, answer in zip(requests, answers, strict=True):
        expected = reference.greedy(request.prompt_token_ids or (), request.sampling.max_tokens, eos=False)
        assert list(answer.token_ids) == expected
    assert stats.graph_hits > 0
    assert stats.graph_misses > 1
