"""Ages as people give them: `12h`, `30d`, `8w`."""

import re
from datetime import timedelta

from producer.errors import UserError

_AGE = re.compile(r"(\d{1,5})([hdw])")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def parse_age(text: str) -> timedelta:
    """Raises UserError for anything else."""
    if (given := _AGE.fullmatch(text.strip().lower())) is None:
        raise UserError(f"the age {text!r} can't be read; give hours, days or weeks, such as 12h, 30d or 8w")
    return int(given[1]) * _UNITS[given[2]]
