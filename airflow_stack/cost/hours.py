"""How much of the time a schedule lets a service run: its cron expressions, over one year. Pure."""

from __future__ import annotations

import calendar
import datetime
import re
from functools import lru_cache

from airflow_stack.config.aws.services import Schedule

# Any year serves: the share is of all years. It has no leap day, and starts on a Friday.
YEAR = 2027
HOURS_PER_MONTH = 730.0
"""365 days of 24 hours, by 12: AWS's own month."""

_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


def share(schedule: Schedule | None) -> float:
    """The part of the time that is between a start and the next stop; 1 without a schedule.

    An approximation: years, time zones and their summer time play no part, W (the nearest weekday) is the day itself,
    and of a stop and a start at one moment the stop counts last.
    """
    if schedule is None:
        return 1.0
    return _share(schedule.start, schedule.stop)


def hours_per_week(schedule: Schedule | None) -> float:
    """The same in hours."""
    return share(schedule) * 168


@lru_cache(maxsize=64)
def _share(start: str, stop: str) -> float:
    events = sorted([(minute, True) for minute in minutes(start)] + [(minute, False) for minute in minutes(stop)],
                    key=lambda event: (event[0], not event[1]))  # fmt: skip
    if not any(starts for _, starts in events):
        return 0.0
    running, since, total = events[-1][1], 0, 0
    for minute, starts in events:
        total += (minute - since) * running
        running, since = starts, minute
    year = 365 * 24 * 60
    return (total + (year - since) * running) / year


def minutes(cron: str) -> list[int]:
    """Minutes of the year at which an expression of AWS fires."""
    minute, hour, day, month, weekday, _ = cron.split(" ")
    times = [60 * h + m for h in _values(hour, 0, 23) for m in _values(minute, 0, 59)]
    months = _values(month, 1, 12, _MONTHS)
    first = datetime.date(YEAR, 1, 1)
    dates = (first + datetime.timedelta(days) for days in range(365))
    return [
        (date - first).days * 1440 + time
        for date in dates
        if date.month in months and _is_day(date, day) and _is_weekday(date, weekday)
        for time in times
    ]


def _is_day(date: datetime.date, field: str) -> bool:
    last = calendar.monthrange(date.year, date.month)[1]
    for part in field.split(","):
        if part in ("L", "LW"):
            if date.day == last:
                return True
        elif date.day in _values(part.removesuffix("W"), 1, 31):
            return True
    return False


def _is_weekday(date: datetime.date, field: str) -> bool:
    today = date.isoweekday() % 7 + 1
    for part in field.split(","):
        if match := re.fullmatch(r"([1-7])#([1-5])", part):
            if today == int(match[1]) and (date.day - 1) // 7 + 1 == int(match[2]):
                return True
        elif match := re.fullmatch(r"([1-7])L", part):
            if today == int(match[1]) and date.day + 7 > calendar.monthrange(date.year, date.month)[1]:
                return True
        elif today in _values("7" if part == "L" else part, 1, 7, _DAYS):
            return True
    return False


def _values(field: str, low: int, high: int, names: tuple[str, ...] = ()) -> set[int]:
    found: set[int] = set()
    for part in field.split(","):
        base, _, step = part.partition("/")
        if base in ("*", "?"):
            first, last = low, high
        else:
            ends = [low + names.index(end.upper()) if end.upper() in names else int(end) for end in base.split("-")]
            first, last = ends[0], ends[-1] if len(ends) > 1 else high if step else ends[0]
        if first > last:  # FRI-MON
            found |= {value for value in range(low, high + 1) if value >= first or value <= last}
        else:
            found |= set(range(first, last + 1, int(step or 1)))
    return found
