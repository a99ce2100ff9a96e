"""What may come next under a grammar, and a grammar that gives up."""

import pytest
import torch

from engine import Choice, Regex, RequestError, Sampling
from engine.blocks import BlockPool
from engine.errors import EngineError
from engine.grammars import Grammars
from engine.loop import StepLoop
from engine.matcher import Matcher
from engine.scheduler import Scheduler
from engine.sequence import Sequence
from engine.tokenizer import Tokenizer
from engine.work import Generation, Sampled
from tests.engine.conftest import ModelFolder
from tests.engine.fakes import FakeRunner, generation
from tests.engine.sampled import sampled

EOS = frozenset({1})


class Exhausted:
    """A state machine that gives up at its first token, or after; what of llguidance's a matcher needs."""

    def __init__(self, takes_first: bool) -> None:
        self.takes_first = takes_first
        self.consumed = False

    def consume_token(self, token_id: int) -> bool:
        self.consumed = True
        return self.takes_first

    def compute_bitmask(self) -> bytes:
        return b"\xff" * 40

    def is_error(self) -> bool:
        return self.consumed

    def get_error(self) -> str:
        return "lexer error:\n  too many states\n<non-verbose/>"

    def is_accepting(self) -> bool:
        return False


@pytest.mark.parametrize("takes_first", [True, False])
def test_a_grammar_that_gets_too_complex_on_the_way_fails_alone(takes_first: bool) -> None:
    failing, neighbour = generation(3, 5), generation(3, 5)
    assert isinstance(failing.work, Generation)
    failing.work.matcher = Matcher(Exhausted(takes_first), EOS, EOS)
    scheduler = Scheduler(BlockPool(16), block_tokens=4, max_batch_tokens=64, max_sequences=4)
    loop = StepLoop(scheduler, FakeRunner(), lambda sequence: sequence.output_token_ids)
    failed, served = loop.submit(failing), loop.submit(neighbour)
    with pytest.raises(RequestError, match=r"too complex: lexer error: too many states$"):
        failed.result(10)
    assert served.result(10) == [7] * 5
    loop.call(scheduler.check_idle)
    loop.close()


@pytest.fixture(scope="module")
def tokenizer(model_folder: ModelFolder) -> Tokenizer:
    """The tiny models', of fewer tokens than they have logits."""
    return Tokenizer(model_folder("llama"))


def test_logits_beyond_the_tokenizers_tokens_are_never_chosen(tokenizer: Tokenizer) -> None:
    assert tokenizer.vocab_size < 320
    logits = torch.zeros(1, 320)
    logits[0, tokenizer.vocab_size :] = 50
    matcher = Grammars(tokenizer, 320).matcher(Regex(".*x"), EOS)
    for sampling in (Sampling(), Sampling(temperature=1.0)):
        work = Generation(sampling, EOS, seed=0, stream=None, matcher=matcher)
        (result,) = sampled(logits, [Sequence([2], work)])
        assert isinstance(result, Sampled)
        assert result.token_id < tokenizer.vocab_size


def test_only_held_rows_are_held_and_the_logits_stay_as_they_were(tokenizer: Tokenizer) -> None:
    logits = torch.randn(3, 320, generator=torch.Generator().manual_seed(1))
    before = logits.clone()
    (x,) = tokenizer.encode("x", add_special_tokens=False)
    matcher = Grammars(tokenizer, 320).matcher(Choice(("x",)), EOS)
    works = [Generation(Sampling(), EOS, 0, None, m) for m in (None, matcher, None)]
    chosen = sampled(logits, [Sequence([2], work) for work in works])
    assert chosen == [Sampled(int(logits[0].argmax())), Sampled(x), Sampled(int(logits[2].argmax()))]
    assert torch.equal(logits, before)


def test_a_token_that_the_grammar_does_not_allow_is_no_output(tokenizer: Tokenizer) -> None:
    matcher = Grammars(tokenizer, 320).matcher(Choice(("x",)), EOS)
    with pytest.raises(EngineError, match="token 2 breaks the constraint"):
        matcher.consume(2)


def test_stop_tokens_that_leave_a_grammar_no_way_are_refused(tokenizer: Tokenizer) -> None:
    (x,) = tokenizer.encode("x", add_special_tokens=False)
    with pytest.raises(RequestError, match="leaves no token"):
        Grammars(tokenizer, 320).matcher(Choice(("x",)), EOS | {x})
