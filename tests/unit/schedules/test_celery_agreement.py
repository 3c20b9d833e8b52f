"""Away from changes of the clocks a crontab is due when Celery's own is."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest
from celery import Celery
from celery import schedules as celery_schedules

from due_times import first_times, scheduled
from pypeline.schedules.crontab import CELERY_FIELDS
from pypeline.schedules.timing import BadTiming, crontab

EXPRESSIONS = 10_000
TIMES = 3
_WEEK = ("sun", "Monday", "tue", "wed", "Thursday", "fri", "sat")
_YEAR = ("jan", "feb", "March", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "December")


def spelt(value, field, random):
    names = {"dayOfWeek": _WEEK, "monthOfYear": ("", *_YEAR)}.get(field.name)
    return names[value] if names and random.random() < 0.5 else str(value)


def part_of(field, random):
    """A star, a value or a range, which may wrap around and step."""
    first, last = (random.randint(field.lowest, field.highest) for _ in range(2))
    step = random.choice([2, 3, 5, 7, 13])
    return random.choice(
        [
            spelt(first, field, random),
            f"{spelt(first, field, random)}-{spelt(last, field, random)}",
            f"{first}-{last}/{step}",
            f"*/{step}",
        ]
    )


def text_of(field, random):
    if random.random() < 0.35:
        return "*"
    return ",".join(part_of(field, random) for _ in range(random.choice([1, 1, 1, 2, 4])))


def theirs(texts, start, app):
    """Celery's times, as its beat asks for them: from each to the next."""
    minute, hour, day, month, weekday = texts
    schedule = celery_schedules.crontab(minute, hour, weekday, day, month, nowfun=lambda: start, app=app)
    times, last = [], start
    for _ in range(TIMES):
        last, delta, _ = schedule.remaining_delta(last, tz=start.tzinfo)
        last = last + delta
        times.append(last)
    return times


def is_near_a_change(moment):
    days = [moment + timedelta(days=number) for number in (-2, 2)]
    return len({day.utcoffset() for day in days}) > 1


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_a_crontab_is_due_when_celery_says(zone):
    random = Random(zone)
    app = Celery("agreement", set_as_current=False)
    compared = 0
    while compared < EXPRESSIONS // 2:
        texts = [text_of(field, random) for field in CELERY_FIELDS]
        start = datetime(2026, 1, 1, tzinfo=ZoneInfo(zone)) + timedelta(
            minutes=random.randrange(5 * 365 * 1440)
        )
        try:
            expected = theirs(texts, start, app)
        except ValueError:  # none of its days is in any of its months
            with pytest.raises(BadTiming, match="none of its days"):
                crontab(*texts)
            continue
        if any(map(is_near_a_change, [start, *expected])):
            continue
        compared += 1
        assert first_times(scheduled(crontab(*texts), zone), start, TIMES) == expected, (texts, start)
