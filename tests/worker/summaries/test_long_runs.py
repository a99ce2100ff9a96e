"""A document that is a run of one thing costs about what another of its length does.

These are looked for in the worker's own process, and a pattern that takes the square of a run's length stands
still with it: nothing else runs meanwhile, not even what renews leases.
"""

from collections.abc import Callable

import pytest

from worker.summaries.fence import as_data
from worker.summaries.sections import sentences

RUN = 400_000  # by the square of it, each of these would take hours


@pytest.mark.timeout(60)
@pytest.mark.parametrize("unit", [".", "<", " ", "\n", ". ", "< ", "<|", "</", "?!", "\u3002", "Mr. ", "["])
@pytest.mark.parametrize("find", [sentences, as_data])
def test_a_long_run_is_gone_through_once(unit: str, find: Callable[[str], object]) -> None:
    assert find("Report. <" + unit * RUN + "x")
