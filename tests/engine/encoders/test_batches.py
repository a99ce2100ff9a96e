"""Batches keep their limits, whatever waits; every text is in exactly one, and none waits for ever."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.encoders.batches import BatchLimits, choose_batch, share_out
from engine.encoders.scheduler import EncoderScheduler, num_padding_tokens
from engine.request import FinishReason
from engine.sequence import Sequence, Status
from engine.work import Encoding

LENGTHS = st.lists(st.integers(1, 200), min_size=1, max_size=60)
LIMITS = st.builds(
    BatchLimits,
    tokens=st.integers(1, 600),
    texts=st.integers(1, 20),
    padding_share=st.sampled_from([0.0, 0.05, 1 / 8, 0.5]),
)


def text(length: int, priority: int = 0) -> Sequence:
    return Sequence([5] * length, Encoding(None), priority)


def run_all(scheduler: EncoderScheduler) -> list[list[Sequence]]:
    """Each step's texts, until nothing waits."""
    steps = []
    while scheduler.has_work:
        chunks = scheduler.schedule()
        scheduler.complete(chunks)
        for chunk in chunks:
            scheduler.finish(chunk.sequence, FinishReason.STOP)
        steps.append([chunk.sequence for chunk in chunks])
        scheduler.check_integrity()
    scheduler.check_idle()
    return steps


@given(LENGTHS, LIMITS, st.data())
def test_a_batch_has_the_text_that_it_is_for_and_keeps_its_limits(
    lengths: list[int], limits: BatchLimits, data: st.DataObject
) -> None:
    lengths.sort()
    first = data.draw(st.integers(0, len(lengths) - 1))
    places = choose_batch(lengths, first, limits)
    batch = lengths[places.start : places.stop]
    assert first in places
    if len(batch) > 1:
        padded = len(batch) * max(batch)
        assert padded <= limits.tokens
        assert len(batch) <= limits.texts
        assert padded - sum(batch) <= limits.padding_share * padded


@given(LENGTHS, LIMITS)
def test_a_batch_is_as_large_as_its_limits_allow_on_each_side(
    lengths: list[int], limits: BatchLimits
) -> None:
    lengths.sort()
    places = choose_batch(lengths, 0, limits)
    if places.stop < len(lengths):
        longest = lengths[places.stop]
        wider = (places.stop + 1) * longest
        padding = wider - sum(lengths[: places.stop + 1])
        is_too_many = places.stop + 1 > limits.texts
        assert is_too_many or wider > limits.tokens or padding > limits.padding_share * wider


def test_texts_of_one_length_fill_a_batch_whatever_lies_around_them() -> None:
    lengths = [3, 10, 10, 10, 10, 40]
    assert choose_batch(lengths, 2, BatchLimits(tokens=512, texts=64, padding_share=1 / 8)) == range(1, 5)


@given(LENGTHS, st.integers(1, 600), st.integers(1, 20))
def test_every_text_is_computed_exactly_once_and_the_first_in_line_in_every_step(
    lengths: list[int], max_batch_tokens: int, max_texts: int
) -> None:
    scheduler = EncoderScheduler(max_batch_tokens, max_texts)
    given_texts = [text(length) for length in lengths]
    for each in given_texts:
        scheduler.add(each)
    waiting = list(given_texts)
    for step in run_all(scheduler):
        assert waiting[0] in step, "so that none starves, however long it is"
        waiting = [each for each in waiting if each not in step]
    assert waiting == []
    assert all(each.status is Status.FINISHED for each in given_texts)


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(-2, 2)), min_size=2, max_size=30))
def test_the_smallest_priority_goes_first(asked: list[tuple[int, int]]) -> None:
    scheduler = EncoderScheduler(max_batch_tokens=1, max_sequences=1)
    for length, priority in asked:
        scheduler.add(text(length, priority))
    order = [step[0].rank for step in run_all(scheduler)]
    assert all(before < after for before, after in pairwise(order))


@given(LENGTHS, st.sets(st.integers(0, 59)))
def test_a_text_that_is_given_up_while_it_waits_is_not_computed(
    lengths: list[int], given_up: set[int]
) -> None:
    scheduler = EncoderScheduler(512, 8)
    texts = [text(length) for length in lengths]
    for each in texts:
        scheduler.add(each)
    for place in given_up & set(range(len(texts))):
        scheduler.finish(texts[place], FinishReason.CANCELLED)
    computed = [each for step in run_all(scheduler) for each in step]
    wanted = [each for place, each in enumerate(texts) if place not in given_up]
    assert sorted(map(id, computed)) == sorted(map(id, wanted))


@given(LENGTHS, st.integers(1, 5))
def test_a_step_that_failed_leaves_its_texts_where_they_were(lengths: list[int], failures: int) -> None:
    scheduler = EncoderScheduler(256, 8)
    for length in lengths:
        scheduler.add(text(length))
    for _ in range(failures):
        before = scheduler.schedule()
        scheduler.abandon(before)
        scheduler.check_integrity()
    assert [chunk.sequence for chunk in scheduler.schedule()] == [chunk.sequence for chunk in before]
    assert scheduler.num_padding_tokens == 0


@given(LENGTHS, st.integers(1, 8))
def test_parts_hold_each_text_once_in_order_and_about_as_many_tokens(
    lengths: list[int], num_parts: int
) -> None:
    parts = share_out(lengths, num_parts)
    assert [place for part in parts for place in part] == list(range(len(lengths)))
    assert all(parts)
    assert len(parts) <= num_parts
    most = max(sum(lengths[place] for place in part) for part in parts)
    assert most <= sum(lengths) / num_parts + max(lengths)


def test_padding_is_counted_and_little_where_lengths_are_many() -> None:
    scheduler = EncoderScheduler(512, 256)
    for length in [5 + (17 * n) % 40 for n in range(400)]:
        scheduler.add(text(length))
    total = sum(len(each.token_ids) for each in list(scheduler._waiting.values()))
    run_all(scheduler)
    assert 0 < scheduler.num_padding_tokens < total / 8


def test_the_padding_of_a_batch_is_what_its_rectangle_has_beside_its_texts() -> None:
    scheduler = EncoderScheduler(512, 256, padding_share=1.0)
    for length in (3, 7, 10):
        scheduler.add(text(length))
    assert num_padding_tokens(scheduler.schedule()) == 7 + 3


@pytest.mark.parametrize("longest", [513, 5000])
def test_a_text_longer_than_the_budget_is_computed_alone(longest: int) -> None:
    scheduler = EncoderScheduler(512, 256)
    for length in (longest, longest, 20):
        scheduler.add(text(length))
    assert [len(step) for step in run_all(scheduler)] == [1, 1, 1]
