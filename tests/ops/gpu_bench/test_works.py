"""The works of `bash ops/bench gpu`: what they ask for, and that two rounds share nothing."""

import random
from pathlib import Path

import pytest

from engine.tokenizer import Tokenizer
from ops.benchmark.gpu.models import save_tokenizer
from ops.benchmark.gpu.shapes import LLAMA, QWEN, REAL, TINY
from ops.benchmark.gpu.works import (
    LABEL_LETTERS,
    REAL_SIZES,
    WARM_UP_ROUND,
    Unit,
    classify,
    labels,
    probe,
    warm_up,
    works,
)
from ops.benchmark.peers.protocol import Answer, Item, Turn

SHAPE = REAL[QWEN]
NAMES = tuple(works(tiny=False))


def test_round_0_of_work_a_is_nano_vllms_benchmark_token_by_token() -> None:
    turn = works(tiny=False)["a"].turn(0, SHAPE)
    random.seed(0)
    prompts = [[random.randint(0, 10_000) for _ in range(random.randint(100, 1024))] for _ in range(256)]
    assert [item.prompt for item in turn.items] == prompts
    assert [item.max_tokens for item in turn.items] == [random.randint(100, 1024) for _ in range(256)]
    assert sum(item.max_tokens for item in turn.items) == 133_966  # as its README has it


def test_later_rounds_of_work_a_have_the_same_lengths_and_other_tokens() -> None:
    first, second = (works(tiny=False)["a"].turn(number, SHAPE).items for number in (0, 1))
    assert [len(item.prompt) for item in first] == [len(item.prompt) for item in second]
    assert [item.max_tokens for item in first] == [item.max_tokens for item in second]
    assert not {tuple(item.prompt) for item in first} & {tuple(item.prompt) for item in second}


@pytest.mark.parametrize("name", NAMES)
def test_a_round_is_the_same_every_time_and_shares_no_prompt_with_another_one(name: str) -> None:
    work = works(tiny=True)[name]
    assert work.turn(1, TINY[QWEN]) == work.turn(1, TINY[QWEN])
    rounds = [work.turn(number, TINY[QWEN]) for number in (0, 1, 2, WARM_UP_ROUND, WARM_UP_ROUND + 1)]
    prompts = [tuple(item.prompt) for turn in rounds for item in turn.items]
    assert len(set(prompts)) == len(prompts)


@pytest.mark.parametrize("name", NAMES)
def test_tokens_are_of_the_models_vocabulary(name: str) -> None:
    turn = works(tiny=True)[name].turn(0, TINY[LLAMA])
    assert all(0 <= token < TINY[LLAMA].vocab_size for item in turn.items for token in item.prompt)


@pytest.mark.parametrize(
    ("name", "count", "prompt", "output"),
    [("c", 256, 3000, 150), ("decode", 64, 896, 256), ("prefill", 128, 2048, 1)],
)
def test_requests_have_the_lengths_that_the_title_says(
    name: str, count: int, prompt: int, output: int
) -> None:
    work = works(tiny=False)[name]
    items = work.turn(0, SHAPE).items
    assert {(len(item.prompt), item.max_tokens) for item in items} == {(prompt, output)}
    assert len(items) == count
    assert all(f"{number:,}" in work.title for number in (count, prompt, output))


def test_rows_to_classify_share_a_prompt_with_each_other_and_with_no_other_round() -> None:
    first, second = (classify(REAL_SIZES, number, SHAPE) for number in (0, 1))
    assert len(first.items) == 5000
    assert {len(item.prompt) for item in first.items} == {440}
    assert first.labelling is not None
    prompts = [item.prompt for item in first.items] + first.labelling.blank_prompts
    assert {tuple(prompt[:400]) for prompt in prompts} == {tuple(first.items[0].prompt[:400])}
    assert first.items[0].prompt[:400] != second.items[0].prompt[:400]


def test_labels_are_different_texts_of_1_to_4_letters() -> None:
    found = labels(20)
    assert len(set(found)) == 20
    assert sorted(map(len, found)) == [1] * 5 + [2] * 5 + [3] * 5 + [4] * 5


def test_a_label_has_as_many_tokens_as_letters_and_every_id_of_the_vocabulary_is_a_token(
    tmp_path: Path,
) -> None:
    save_tokenizer(512, tmp_path)
    tokenizer = Tokenizer(tmp_path)
    assert tokenizer.vocab_size == 512
    counts = {
        len(tokenizer.encode_as_text(label, add_special_tokens=False)) - len(label) for label in labels(20)
    }
    assert counts == {0}
    assert len({*tokenizer.encode_as_text(LABEL_LETTERS, add_special_tokens=False)}) == 26


def test_a_probe_has_as_many_requests_as_a_round_and_a_sixteenth_of_its_output() -> None:
    work = works(tiny=False)["c"]
    tried = probe(work, SHAPE)
    assert [len(item.prompt) for item in tried.items] == [3000] * 256
    assert {item.max_tokens for item in tried.items} == {10}


def test_a_warm_up_is_short() -> None:
    warm = warm_up(works(tiny=False)["a"], SHAPE)
    assert len(warm.items) == 16
    assert all(item.max_tokens <= 16 for item in warm.items)


@pytest.mark.parametrize(
    ("unit", "rate"), [(Unit.OUTPUT_TOKENS, 3.5), (Unit.ROWS, 1.0), (Unit.PROMPT_TOKENS, 2.5)]
)
def test_a_rate_counts_what_its_unit_says(unit: Unit, rate: float) -> None:
    by_unit = {work.unit: work for work in works(tiny=True).values()}
    turn = Turn([Item([1, 2, 3], 4), Item([1, 2], 3)])
    assert by_unit[unit].rate(turn, Answer(2.0, [4, 3])) == rate
