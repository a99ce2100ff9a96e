"""An age is read as people write it, or refused by name."""

from datetime import timedelta

import pytest

from producer.age import parse_age
from producer.errors import UserError


@pytest.mark.parametrize(("text", "hours"), [("12h", 12), ("30d", 720), ("8W", 1344), (" 1d ", 24)])
def test_an_age_is_in_hours_days_or_weeks(text: str, hours: int) -> None:
    assert parse_age(text) == timedelta(hours=hours)


@pytest.mark.parametrize("text", ["", "30", "d", "-1d", "1m", "1.5d", "999999d"])
def test_another_age_is_refused_by_name(text: str) -> None:
    with pytest.raises(UserError, match="age"):
        parse_age(text)
