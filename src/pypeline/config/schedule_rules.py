"""The rules across the keys of one schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pypeline.config.findings import Fault
from pypeline.config.structure import mapping_at
from pypeline.config.variables import typed
from pypeline.schedules.crontab import BadCrontab, check_days, parse_field
from pypeline.schedules.local_time import are_in_order, zone_of
from pypeline.schedules.timing import UNITS, BadTiming, interval

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from pypeline.config.findings import Hints, Path

NO_IDS = (".", "..")
"""What no schedule may be called: in a path it is the folder, or the one above."""

_INTERVAL_KEYS = ("every", "period")


def schedule_faults(
    path: Path, task: Any, pipelines: Collection[str], hints: Hints, *, zone: str
) -> Iterator[Fault]:
    """What is wrong with a schedule beyond its single values; ``zone`` is that of those which name none."""
    if path[-1] in NO_IDS or "/" in str(path[-1]):
        remedy = "choose another: no client can send it in a path"
        yield Fault(path, f"`{path[-1]}` is no id of a schedule", remedy, at_key=True)
    config = mapping_at(task, "config")
    path = (*path, "config")
    if config:
        yield from _target_faults(path, config, pipelines, hints)
        yield from _time_faults(path, config)
        yield from _bounds_faults(path, config, str(config.get("timezone") or zone))


def _target_faults(
    path: Path, config: Mapping[str, Any], pipelines: Collection[str], hints: Hints
) -> Iterator[Fault]:
    task, pipeline = config.get("task"), config.get("pipeline")
    if task is None and pipeline is None:
        yield Fault((*path, "task"), "is missing", "name a task or a pipeline")
    if task is not None and pipeline is not None:
        yield Fault((*path, "pipeline"), "stands beside `task`", "keep one of the two", at_key=True)
    if isinstance(pipeline, str) and pipeline not in pipelines:
        remedy = hints.of(pipeline, pipelines, "name one of this file's pipelines")
        yield Fault((*path, "pipeline"), f"there is no pipeline `{pipeline}`", remedy)


def _time_faults(path: Path, config: Mapping[str, Any]) -> Iterator[Fault]:
    kind, schedule = config.get("scheduleType"), config.get("schedule")
    if kind == "once":
        yield from _once_faults(path, config)
    elif kind in ("crontab", "interval"):
        if config.get("at") is not None:
            remedy = "set `scheduleType: once` or remove it"
            yield Fault((*path, "at"), f"means nothing with scheduleType {kind}", remedy, at_key=True)
        if schedule is None:
            yield Fault((*path, "schedule"), "is missing", f"add the {kind}")
        elif isinstance(schedule, dict):
            yield from _recurrence_faults((*path, "schedule"), str(kind), schedule)


def _once_faults(path: Path, config: Mapping[str, Any]) -> Iterator[Fault]:
    if config.get("at") is None:
        yield Fault((*path, "at"), "is missing", "say when, as in `at: 2026-05-01T08:00`")
    if config.get("schedule") is not None:
        remedy = "remove it or choose another scheduleType"
        yield Fault((*path, "schedule"), "means nothing with scheduleType once", remedy, at_key=True)


def _recurrence_faults(path: Path, kind: str, schedule: Mapping[str, Any]) -> Iterator[Fault]:
    is_interval = any(key in schedule for key in _INTERVAL_KEYS)
    if is_interval != (kind == "interval"):
        found = "an interval" if is_interval else "a crontab"
        yield Fault(path, f"is {found}, but scheduleType is {kind}", "make the two agree", at_key=True)
    elif is_interval:
        yield from _interval_faults(path, schedule)
    else:
        yield from _day_faults(path, schedule)


def _interval_faults(path: Path, schedule: Mapping[str, Any]) -> Iterator[Fault]:
    every, period = typed(schedule.get("every")), str(schedule.get("period"))
    if not isinstance(every, int) or every < 1 or period not in UNITS:
        return  # the field's own fault says it
    try:
        interval(f"{every:d} {period}")
    except BadTiming as error:
        yield Fault((*path, "every"), error.problem, error.remedy)


def _day_faults(path: Path, schedule: Mapping[str, Any]) -> Iterator[Fault]:
    try:
        days = parse_field(str(schedule.get("dayOfMonth", "*")), "dayOfMonth")
        months = parse_field(str(schedule.get("monthOfYear", "*")), "monthOfYear")
    except BadCrontab:
        return  # the field's own fault says it
    try:
        check_days(days, months)
    except BadCrontab as error:
        yield Fault((*path, "dayOfMonth"), error.problem, error.remedy)


def _bounds_faults(path: Path, config: Mapping[str, Any], zone: str) -> Iterator[Fault]:
    start, end = config.get("startAt"), config.get("endAt")
    if not (isinstance(start, str) and isinstance(end, str)):
        return
    try:
        if not are_in_order(start, end, zone_of(zone)):
            yield Fault((*path, "endAt"), "is not after startAt", "choose a later time")
    except BadTiming:
        return  # the field's own fault says it
