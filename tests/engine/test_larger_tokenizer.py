"""A tokenizer with more tokens than the model has embeddings: what needs one of these fails, and alone."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tokenizers import AddedToken
from tokenizers import Tokenizer as FastTokenizer

from engine import Choice, Engine, EngineConfig, Request, RequestError, Sampling
from tests.engine.conftest import ModelFolder

VOCAB_SIZE = 320


@pytest.fixture
def engine(model_folder: ModelFolder, tmp_path: Path) -> Iterator[Engine]:
    """A tiny llama whose tokenizer knows words that the model does not."""
    folder = Path(shutil.copytree(model_folder("llama"), tmp_path / "model"))
    tokenizer = FastTokenizer.from_file(str(folder / "tokenizer.json"))
    number = VOCAB_SIZE - tokenizer.get_vocab_size()
    tokenizer.add_tokens([AddedToken(f"zebra{n}.", special=False) for n in range(number + 1)])
    tokenizer.save(str(folder / "tokenizer.json"))
    with Engine(EngineConfig(model=str(folder), device="cpu", kv_cache_bytes=1 << 20)) as made:
        assert made.tokenizer.encode(f"zebra{number}.", add_special_tokens=False) == [VOCAB_SIZE]
        yield made


def unknown_word(engine: Engine) -> str:
    return engine.tokenizer.decode([VOCAB_SIZE])


@pytest.mark.parametrize("best_only", [True, False])
def test_a_choice_of_a_token_that_the_model_lacks_is_refused(engine: Engine, best_only: bool) -> None:
    choices = ("fox", unknown_word(engine))
    with pytest.raises(
        RequestError, match=r"the choice 'zebra\d+\.' has token 320: the model knows 0 to 319"
    ):
        engine.submit(Request(prompt="a", choices=choices, best_only=best_only))


@pytest.mark.parametrize("settings", [{}, {"temperature": 1.0}, {"temperature": 1.0, "top_k": 5}])
def test_a_constraint_that_needs_a_token_that_the_model_lacks_fails_alone(
    engine: Engine, settings: dict[str, float]
) -> None:
    held = Sampling(constraint=Choice((unknown_word(engine),)), **settings)  # type: ignore[arg-type]
    neighbour = engine.submit(Request(prompt="a", sampling=Sampling(max_tokens=99, ignore_eos=True)))
    with pytest.raises(RequestError, match="allows no token that the model has"):
        engine.submit(Request(prompt="a", sampling=held)).result(60)
    assert len(neighbour.result(60).token_ids) == 99
