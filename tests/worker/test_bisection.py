"""Whatever kills engines and whenever: every row ends once, and only who died alone twice is condemned."""

import math
from collections import Counter
from collections.abc import Callable, Collection

from hypothesis import given
from hypothesis import strategies as st

from worker.bisection import Bisection, Group

Run = Callable[[Group], Collection[str]]
"""Runs a group and returns the rows that have finished; the engine has died if some have not."""


class Trial:
    """Runs a bisection to its end, and keeps a record of its own."""

    def __init__(self, row_ids: list[str], run: Run) -> None:
        self.finished: Counter[str] = Counter()
        self.deaths = 0
        self.deaths_alone: Counter[str] = Counter()
        bisection = Bisection.of(row_ids)
        while (group := bisection.group) is not None:
            done = run(group)
            self.finished.update(done)
            if len(done) < len(group):
                self.deaths += 1
                self.deaths_alone.update(group if len(group) == 1 else ())
            bisection = bisection.after_run(self.finished.keys())
            assert self.deaths < 3 * len(row_ids), "it must end"
        self.condemned = bisection.condemned


@given(data=st.data(), num_rows=st.integers(0, 24), num_spurious=st.integers(0, 12))
def test_whatever_dies_every_row_ends_once_and_only_who_died_alone_twice_is_condemned(
    data: st.DataObject, num_rows: int, num_spurious: int
) -> None:
    row_ids = [f"r{n}" for n in range(num_rows)]
    poison = data.draw(st.sets(st.sampled_from(row_ids)) if row_ids else st.just(set()))
    spurious_left = num_spurious

    def run(group: Group) -> Collection[str]:
        nonlocal spurious_left
        harmless = [row_id for row_id in group if row_id not in poison]
        if len(harmless) < len(group):  # somewhere on the way to the poison
            return data.draw(st.sets(st.sampled_from(harmless)) if harmless else st.just(set()))
        if spurious_left and data.draw(st.booleans()):
            spurious_left -= 1
            return harmless[: data.draw(st.integers(0, len(harmless) - 1))]
        return harmless

    trial = Trial(row_ids, run)
    assert poison <= trial.condemned, "a row that always kills is found"
    assert trial.condemned == {row_id for row_id, deaths in trial.deaths_alone.items() if deaths == 2}
    assert max(trial.deaths_alone.values(), default=0) <= 2
    assert len(trial.condemned - poison) <= num_spurious // 2
    assert trial.finished.keys() | trial.condemned == set(row_ids)
    assert trial.finished.keys().isdisjoint(trial.condemned)
    assert max(trial.finished.values(), default=1) == 1, "what has finished is not run again"


@given(num_rows=st.integers(1, 300), place=st.integers(0, 299))
def test_one_bad_row_is_found_within_a_dozen_deaths(num_rows: int, place: int) -> None:
    row_ids = [f"r{n}" for n in range(num_rows)]
    bad = row_ids[place % num_rows]
    trial = Trial(row_ids, lambda group: () if bad in group else group)
    assert trial.condemned == {bad}
    assert trial.deaths <= math.ceil(math.log2(num_rows)) + 2


def test_a_death_with_several_rows_in_the_engine_blames_none_of_them() -> None:
    bisection = Bisection.of(["a", "b", "c"]).after_run({"a", "b"})
    assert bisection.group == ("c",)
    assert not bisection.died_alone
    assert bisection.after_run({"a", "b", "c"}) == Bisection(groups=())


def test_what_is_undone_is_neither_finished_nor_condemned() -> None:
    bisection = Bisection.of(["a", "b", "c", "d"]).after_run({"b"})
    assert bisection.undone == ("a", "c", "d")
    assert bisection.after_run({"a", "b", "c"}).undone == ("d",)
