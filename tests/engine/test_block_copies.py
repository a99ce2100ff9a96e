"""Prompts that agree up to inside a block share all of it: the rest of the block is copied, not computed."""

import random
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import pytest
import torch

from engine import Engine, Request, Sampling
from engine.blocks import BlockPool
from engine.request import FinishReason
from engine.scheduler import Scheduler
from engine.sequence import Chunk, Sequence
from tests.engine.conftest import MakeEngine
from tests.engine.fakes import prompted, scoring
from tests.engine.tiny import FAMILIES, Reference

BLOCK_TOKENS = 16
INSTRUCTIONS = [random.Random(4).randrange(2, 320) for _ in range(20)]
ROWS = [INSTRUCTIONS + [random.Random(n).randrange(2, 320) for _ in range(1 + n)] for n in range(14)]
GREEDY = Sampling(max_tokens=8, ignore_eos=True)
CHOICES = (" billing", " bill", " bug in the account", "x")


def make_scheduler(num_blocks: int = 64, max_batch_tokens: int = 512) -> Scheduler:
    return Scheduler(BlockPool(num_blocks), BLOCK_TOKENS, max_batch_tokens, max_sequences=32)


def spans(chunks: list[Chunk]) -> list[tuple[int, int]]:
    return [(chunk.start, chunk.end) for chunk in chunks]


def step(scheduler: Scheduler, *arriving: Sequence) -> list[Chunk]:
    """A step with these newcomers; nothing is generated."""
    for sequence in arriving:
        scheduler.add(sequence)
    chunks = scheduler.schedule()
    scheduler.complete(chunks)
    return chunks


def finish(scheduler: Scheduler, chunks: list[Chunk]) -> None:
    for chunk in chunks:
        scheduler.finish(chunk.sequence, FinishReason.LENGTH)


def test_rows_of_one_step_compute_the_shared_beginning_once_and_then_their_own() -> None:
    chunks = step(make_scheduler(), *map(prompted, ROWS))
    assert spans(chunks) == [(0, 21), *((20, len(row)) for row in ROWS[1:])]


def test_rows_of_later_steps_copy_from_rows_that_run_and_from_rows_that_have_ended() -> None:
    scheduler = make_scheduler()
    first = step(scheduler, prompted(ROWS[3]))
    assert spans(step(scheduler, prompted(ROWS[5])))[-1] == (20, 26)
    finish(scheduler, first)
    scheduler.finish(scheduler.running[0], FinishReason.LENGTH)
    assert spans(step(scheduler, prompted(ROWS[9]))) == [(20, 30)]
    finish(scheduler, [Chunk(sequence, 0, 1, is_last=True) for sequence in scheduler.running])
    scheduler.check_integrity()
    scheduler.check_idle()


def test_a_prompt_like_another_computes_its_last_token_only() -> None:
    chunks = step(make_scheduler(), *[prompted(ROWS[9]) for _ in range(4)])
    assert spans(chunks) == [(0, 30), (29, 30), (29, 30), (29, 30)]


def test_a_full_block_is_copied_up_to_the_last_token_of_a_prompt_that_ends_with_it() -> None:
    assert spans(step(make_scheduler(), *[prompted(range(32)) for _ in range(2)])) == [(0, 32), (31, 32)]


def test_the_longest_common_beginning_is_taken() -> None:
    scheduler = make_scheduler()
    for tokens in (3, 9, 6):
        step(scheduler, prompted([*INSTRUCTIONS[:tokens], 5, 5, 5]))
    assert spans(step(scheduler, prompted(INSTRUCTIONS)))[-1] == (9, 20)


def test_what_is_of_use_is_found_among_many_that_are_not() -> None:
    scheduler = make_scheduler()
    step(scheduler, prompted(INSTRUCTIONS[:12]))
    for number in range(20):
        step(scheduler, prompted([400 + number, 1]))
        assert spans(step(scheduler, prompted([*INSTRUCTIONS[:12], 400 + number])))[-1] == (12, 13)
        finish(scheduler, [Chunk(sequence, 0, 1, is_last=True) for sequence in scheduler.running[1:]])


def test_nothing_is_copied_from_a_choice_trie_or_into_it() -> None:
    scheduler = make_scheduler()
    scored = scoring(INSTRUCTIONS, [[7, 8, 9], [7, 8, 1]])
    assert spans(step(scheduler, scored)) == [(0, 22)]
    assert spans(step(scheduler, prompted([*INSTRUCTIONS, 7, 8, 9, 3])))[-1] == (20, 24)
    again = scoring([*INSTRUCTIONS, 7], [[8, 9, 3], [8, 4]])
    assert spans(step(scheduler, again))[-1] == (20, 23)


def test_a_prompt_that_is_computed_in_pieces_is_copied_as_far_as_it_has_got() -> None:
    scheduler = make_scheduler(max_batch_tokens=22)
    long = prompted([*INSTRUCTIONS, *range(320, 350)])
    assert spans(step(scheduler, long)) == [(0, 22)]
    scheduler.budget.tokens = 64
    assert spans(step(scheduler, prompted([*long.token_ids[:30], 3]))) == [(22, 50), (30, 31)]


def test_a_source_that_is_needed_for_the_newcomers_own_blocks_is_not_copied() -> None:
    scheduler = make_scheduler(num_blocks=2)
    finish(scheduler, step(scheduler, prompted(INSTRUCTIONS)))
    assert spans(step(scheduler, prompted([*INSTRUCTIONS[:5], *range(320, 340)]))) == [(0, 25)]
    finish(scheduler, [Chunk(scheduler.running[0], 0, 1, is_last=True)])
    scheduler.check_idle()


def test_the_source_is_held_until_the_step_has_ended_whoever_is_cancelled() -> None:
    scheduler = make_scheduler()
    finish(scheduler, step(scheduler, prompted(ROWS[2])))
    newcomer = prompted(ROWS[6])
    scheduler.add(newcomer)
    chunks = scheduler.schedule()
    scheduler.finish(newcomer, FinishReason.CANCELLED)
    scheduler.check_integrity()
    assert scheduler.pool.num_available == scheduler.pool.num_blocks - 1
    scheduler.complete(chunks)
    scheduler.check_idle()


def test_what_a_failed_step_took_back_is_offered_again_when_it_is_computed() -> None:
    scheduler = make_scheduler(max_batch_tokens=20)
    long = prompted(range(320, 370))
    step(scheduler, long)
    scheduler.abandon(scheduler.schedule())
    assert spans(step(scheduler)) == [(20, 40)]
    scheduler.budget.tokens = 64
    assert spans(step(scheduler, prompted([*range(320, 359), 3]))) == [(40, 50), (39, 40)]


def test_copied_tokens_count_as_prefix_hits() -> None:
    scheduler = make_scheduler()
    step(scheduler, prompted(ROWS[1]), prompted(ROWS[2]))
    assert scheduler.num_prefix_hit_tokens == 20
    assert [sequence.usage.cached_tokens for sequence in scheduler.running] == [0, 20]


# From here on, with a model: what is copied is what would have been computed.


def generate(engine: Engine, prompts: list[list[int]]) -> list[list[int]]:
    futures: list[Future[Any]] = [
        engine.submit(Request(prompt_token_ids=prompt, sampling=GREEDY)) for prompt in prompts
    ]
    return [list(future.result(60).token_ids) for future in futures]


def expected(reference: Reference, prompts: list[list[int]]) -> list[list[int]]:
    return [reference.greedy(prompt, GREEDY.max_tokens, eos=False) for prompt in prompts]


@pytest.fixture
def four_lanes() -> Iterator[None]:
    """Engines made now run large steps in four lanes."""
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("family", FAMILIES)
def test_tokens_after_copied_kv_are_those_of_transformers(
    family: str, make_engine: MakeEngine, references: dict[str, Reference]
) -> None:
    engine = make_engine(family, block_tokens=BLOCK_TOKENS)
    assert generate(engine, ROWS[:7]) == expected(references[family], ROWS[:7])
    assert generate(engine, ROWS[7:]) == expected(references[family], ROWS[7:])
    assert engine.stats().prefix_hit_tokens == 13 * 20


@pytest.mark.usefixtures("four_lanes")
def test_lanes_copy_what_other_lanes_compute_in_the_same_step(
    make_engine: MakeEngine, reference: Reference
) -> None:
    # The first fills a lane by itself, and the others need what it and each other compute.
    long = [random.Random(n).randrange(2, 320) for n in range(150)]
    prompts = [long, *([*long[: 20 + 9 * n], 5] for n in range(12)), *ROWS]
    engine = make_engine(block_tokens=BLOCK_TOKENS, max_batch_tokens=512)
    assert generate(engine, prompts) == expected(reference, prompts)


def test_scores_after_copied_kv_equal_brute_force(engine: Engine, reference: Reference) -> None:
    futures = [engine.submit(Request(prompt_token_ids=row, choices=CHOICES)) for row in ROWS]
    encoded = [engine.tokenizer.encode(choice, add_special_tokens=False) for choice in CHOICES]
    for row, future in zip(ROWS, futures, strict=True):
        by_hand = [reference.logprob(row, token_ids) for token_ids in encoded]
        assert future.result(60).choice_logprobs == pytest.approx(by_hand, abs=1e-4)
