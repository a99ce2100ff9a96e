"""Deadlines as people give them: `06:00`, or a date and time, here or in a zone that they name."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from producer.errors import UserError


def parse_deadline(text: str | None, now: datetime) -> datetime | None:
    """`HH:MM` is the next such time in `now`'s zone; ISO 8601 without a zone is in that zone, too.

    Either may be followed by the name of another zone: `06:00 Europe/Berlin`.

    Raises:
        UserError: it can't be read, or has passed.
    """
    if text is None:
        return None
    try:
        deadline = _parse(*_in_zone(text, now))
    except (ValueError, ZoneInfoNotFoundError, OSError) as error:
        raise UserError(
            f"the deadline {text!r} can't be read; give HH:MM or ISO 8601, such as 2030-01-31T06:00+01:00, "
            "and if need be a zone: '06:00 Europe/Berlin'"
        ) from error
    if deadline <= now:
        raise UserError(f"the deadline {deadline.isoformat(timespec='minutes')} has passed")
    return deadline


def _in_zone(text: str, now: datetime) -> tuple[str, datetime]:
    time, _, zone = text.rpartition(" ")
    return (time, now.astimezone(ZoneInfo(zone))) if time and zone[:1].isalpha() else (text, now)


def _parse(text: str, now: datetime) -> datetime:
    if len(text) <= len("06:00"):
        clock = datetime.strptime(text, "%H:%M").time()
        today = now.replace(hour=clock.hour, minute=clock.minute, second=0, microsecond=0)
        return today if today > now else today + timedelta(days=1)
    given = datetime.fromisoformat(text)
    return given if given.tzinfo is not None else given.replace(tzinfo=now.tzinfo)
