"""Schedules, as a Python program manages them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypedDict

from pypeline.client.run import Run
from pypeline.errors import InvalidInput, InvalidSchedule

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Unpack

    from pypeline.application.schedules import Schedules
    from pypeline.application.schedules.times import Due
    from pypeline.application.schedules.wishes import ScheduleWish
    from pypeline.bootstrap import Link
    from pypeline.store.schedules.records import OccurrenceRecord, ScheduleRecord
    from pypeline.types import JsonObject

_TEXTS = ("task", "pipeline", "cron", "timezone", "queue", "name")
_UNITS = ("days", "hours", "minutes", "seconds", "microseconds")


class ScheduleWords(TypedDict, total=False):
    """
    What may be said of a schedule. What is left out stays as it is, or has its default; None is the default.

    One of ``task`` and ``pipeline``; one of ``every`` ("5 seconds"), ``cron`` ("M H D M W") and ``at``. Times
    without an offset are local to ``timezone``. ``misfire_grace`` and ``expires`` are in seconds.
    """

    task: str | None
    pipeline: str | None
    every: str | timedelta | None
    cron: str | None
    at: str | datetime | None
    timezone: str | None
    queue: str | None
    payload: JsonObject | None
    misfire: str | None
    misfire_grace: float | None
    overlap: str | None
    start_at: str | datetime | None
    end_at: str | datetime | None
    expires: float | None
    name: str | None
    enabled: bool


class ClientSchedules:
    """Create, change, switch, run and look at schedules. A scheduler that runs obeys within a second."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def create(self, schedule_id: str, **words: Unpack[ScheduleWords]) -> ScheduleRecord:
        """Add a schedule. Raises InvalidSchedule, InvalidPayload and ScheduleExists."""
        _require_texts({"id": schedule_id})
        return self._configured.create(schedule_id, _wish(words))

    def update(self, schedule_id: str, **words: Unpack[ScheduleWords]) -> ScheduleRecord:
        """
        Change what is said, and nothing else. Other times are due strictly after now.

        One that the scheduler had switched off is on again. Raises UnknownSchedule, InvalidSchedule (also for
        one of sermos.yaml) and InvalidPayload.
        """
        return self._configured.update(schedule_id, _wish(words))

    def enable(self, schedule_id: str) -> ScheduleRecord:
        """Switch it on. Raises UnknownSchedule, and InvalidSchedule where none of its times lies ahead."""
        return self._schedules.enable(schedule_id)

    def disable(self, schedule_id: str) -> ScheduleRecord:
        """Switch it off; runs that it started go on. Raises UnknownSchedule."""
        return self._schedules.disable(schedule_id)

    def delete(self, schedule_id: str) -> None:
        """
        Remove it with its history; its runs stay.

        Raises UnknownSchedule, and InvalidSchedule for one that sermos.yaml has.
        """
        self._schedules.delete(schedule_id)

    def run(self, schedule_id: str) -> Run:
        """Start now what it starts. Raises UnknownSchedule, InvalidSchedule and InvalidPayload."""
        schedules = self._configured
        plan, _ = schedules.target_of(schedules.get(schedule_id).schedule)
        self._link.staff(plan)
        return Run(self._link, schedules.run(schedule_id))

    def get(self, schedule_id: str) -> ScheduleRecord:
        """One schedule, also one that is gone from sermos.yaml. Raises UnknownSchedule."""
        return self._schedules.get(schedule_id)

    def history(
        self, schedule_id: str, *, limit: int = 20, before: datetime | None = None
    ) -> Sequence[OccurrenceRecord]:
        """
        The due times that were settled, newest first, with their runs.

        Raises UnknownSchedule, and InvalidInput for a limit that is no number from 0.
        """
        _require_limit(limit)
        return self._schedules.history(schedule_id, limit=limit, before=before)

    def preview(
        self, cron: str, *, timezone: str | None = None, count: int = 10, after: datetime | None = None
    ) -> Sequence[Due]:
        """The next times of cron's five fields: each an aware UTC time and a note. Raises InvalidSchedule."""
        return self._schedules.preview(cron, timezone=timezone, count=count, after=after)

    def list(self, *, limit: int = 1000, after: str = "") -> Sequence[ScheduleRecord]:
        """Schedules by id, from the first behind ``after`` on. Raises InvalidInput as `history` does."""
        _require_limit(limit)
        return self._schedules.list(limit=limit, after=after)

    @property
    def _schedules(self) -> Schedules:
        return self._link.application.schedules

    @property
    def _configured(self) -> Schedules:
        return self._link.configured().schedules


def _wish(words: ScheduleWords) -> ScheduleWish:
    from pypeline.application.schedules.wishes import ScheduleWish  # noqa: PLC0415 - as in `Link`

    _require_texts({name: words.get(name) for name in _TEXTS})
    if not isinstance(words.get("enabled", True), bool):
        raise InvalidSchedule(f"enabled: {words['enabled']!r} is neither True nor False")
    said: dict[str, Any] = {name: "" if value is None else value for name, value in words.items()}
    for name in ("at", "start_at", "end_at"):
        if name in said:
            said[name] = _moment(name, said[name])
    if "every" in said:
        said["every"] = _interval(said["every"])
    return ScheduleWish(**said)


def _require_texts(words: Mapping[str, object]) -> None:
    for name, value in words.items():
        if not isinstance(value, str | None):
            raise InvalidSchedule(f"{name}: {value!r} is no text")


def _require_limit(limit: object) -> None:
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 0:
        raise InvalidInput(f"limit: {limit!r} is no number from 0")


def _moment(name: str, value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str):
        return value
    raise InvalidSchedule(f"{name}: {value!r} is no time: give a datetime, or a text as 2026-05-01T08:00")


def _interval(value: object) -> str:
    if isinstance(value, str):
        return value
    if not isinstance(value, timedelta):
        raise InvalidSchedule(f"every: {value!r} is no interval: give a timedelta, or a text as '5 seconds'")
    unit = next(unit for unit in _UNITS if not value % timedelta(**{unit: 1}))
    return f"{value // timedelta(**{unit: 1})} {unit}"
