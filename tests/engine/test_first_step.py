"""A first step that fails is told with what would mend it."""

from collections.abc import Sequence as Seq

import pytest

from engine.errors import DeviceLost, ModelError
from engine.first_step import check_first_step
from engine.sequence import Chunk
from tests.engine.fakes import FakeRunner


def failing(error: Exception) -> FakeRunner:
    def fail(_: Seq[Chunk]) -> None:
        raise error

    return FakeRunner(fail)


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (RuntimeError("Failed to find C compiler. Please specify via CC"), "install one"),
        (MemoryError("full"), "more memory free"),
        (RuntimeError("size of tensor a must match b"), "config.json"),
    ],
)
def test_the_remedy_is_that_of_the_failure(error: Exception, remedy: str) -> None:
    with pytest.raises(ModelError, match=remedy):
        check_first_step(failing(error), 100, "a model")


def test_a_device_that_is_lost_is_not_blamed_on_the_model() -> None:
    with pytest.raises(DeviceLost):
        check_first_step(
            failing(RuntimeError("CUDA error: an illegal memory access was encountered")), 100, "a model"
        )
