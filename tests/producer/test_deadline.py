from datetime import UTC, datetime, timedelta, timezone

import pytest

from producer.deadline import parse_deadline
from producer.errors import UserError

CET = timezone(timedelta(hours=1))
EVENING = datetime(2026, 3, 1, 22, 30, tzinfo=CET)


def test_no_deadline_is_none() -> None:
    assert parse_deadline(None, EVENING) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("06:00", datetime(2026, 3, 2, 6, 0, tzinfo=CET)),
        ("23:15", datetime(2026, 3, 1, 23, 15, tzinfo=CET)),
        ("2026-03-02T06:00", datetime(2026, 3, 2, 6, 0, tzinfo=CET)),
        ("2026-03-02T06:00+00:00", datetime(2026, 3, 2, 7, 0, tzinfo=CET)),
        ("2026-03-02 06:00", datetime(2026, 3, 2, 6, 0, tzinfo=CET)),
        ("06:00 America/New_York", datetime(2026, 3, 2, 12, 0, tzinfo=CET)),
        ("2026-07-01 06:00 Europe/Berlin", datetime(2026, 7, 1, 4, 0, tzinfo=UTC)),
    ],
)
def test_a_deadline_is_the_next_such_time_in_the_users_zone(text: str, expected: datetime) -> None:
    assert parse_deadline(text, EVENING) == expected


@pytest.mark.parametrize(
    "text",
    [
        "soon",
        "25:00",
        "",
        "2026-13-01T00:00",
        "2026-02-01T06:00",
        "06:00 Atlantis",
        "06:00 Europe",
        "06:00 a/../b",
    ],
)
def test_a_deadline_that_is_unreadable_or_past_is_refused_by_name(text: str) -> None:
    with pytest.raises(UserError, match="deadline"):
        parse_deadline(text, EVENING)
