"""What a user says of a schedule, and the `Schedule` that it makes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from pypeline.application.payloads import require_json
from pypeline.application.queue_names import queue_fault
from pypeline.config.zones import zone_fault
from pypeline.errors import InvalidPayload, InvalidSchedule
from pypeline.schedules.local_time import are_in_order, zone_of
from pypeline.schedules.schedule import Misfire, Overlap, Schedule, TargetKind
from pypeline.schedules.timing import BadTiming, cron, interval, once

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from enum import StrEnum

    from pypeline.schedules.timing import Timing
    from pypeline.types import JsonObject

_LONGEST = 10 * 366 * 24 * 3600  # seconds, as in sermos.yaml
_GRACE = 60.0
_PARSERS = {"every": interval, "cron": cron, "at": once}


@dataclass(frozen=True, slots=True)
class ScheduleWish:
    """
    What a user said of a schedule. None was not said; an empty text takes away what was there.

    One of ``task`` and ``pipeline``, and one of ``every`` ("5 seconds"), ``cron`` ("M H D M W") and ``at``
    ("2026-05-01T08:00"). ``misfire_grace`` and ``expires`` are in seconds.
    """

    task: str | None = None
    pipeline: str | None = None
    every: str | None = None
    cron: str | None = None
    at: str | None = None
    timezone: str | None = None
    queue: str | None = None
    payload: JsonObject | None = None
    misfire: str | None = None
    misfire_grace: float | Literal[""] | None = None
    overlap: str | None = None
    start_at: str | None = None
    end_at: str | None = None
    expires: float | Literal[""] | None = None
    name: str | None = None
    enabled: bool | None = None


def schedule_of(wish: ScheduleWish, before: Schedule | None = None, *, timezone: str) -> Schedule:
    """
    The schedule that was wished for; what was not said is as ``before``, else the default.

    ``timezone`` is that of schedules which name none. Raises InvalidSchedule with every fault. It does not
    look whether there is such a target.
    """
    values: dict[str, Any] = {}
    faults = []
    for name, read in _readers(wish, before, timezone).items():
        try:
            values[name] = read()
        except (BadTiming, InvalidSchedule) as error:
            faults.append(str(error))
    faults.extend(_order_faults(values))
    if faults:
        raise InvalidSchedule("; ".join(faults))
    kind, target = values.pop("target")
    if kind is TargetKind.PIPELINE:
        values["queue"] = None
    return Schedule(target_kind=kind, target=target, **values)


def _readers(
    wish: ScheduleWish, before: Schedule | None, timezone: str
) -> Mapping[str, Callable[[], object]]:
    """What reads each part of the schedule."""

    def read(name: str, convert: Callable[[Any], object], default: object = None) -> Callable[[], object]:
        said = getattr(wish, name)
        if said is None:
            return lambda: default if before is None else getattr(before, name)
        return lambda: default if said == "" else convert(said)

    return {
        "target": partial(_target, wish, before),
        "timing": partial(_timing, wish, before),
        "timezone": read("timezone", _zone, timezone),
        "payload": read("payload", _payload, {}),
        "queue": read("queue", partial(_queue, wish, before)),
        "misfire": read("misfire", partial(_choice, "misfire", Misfire), Misfire.LATEST),
        "misfire_grace": read("misfire_grace", partial(_seconds, "misfire_grace"), _GRACE),
        "overlap": read("overlap", partial(_choice, "overlap", Overlap), Overlap.ALLOW),
        "start_at": read("start_at", partial(_moment, "start_at")),
        "end_at": read("end_at", partial(_moment, "end_at")),
        "expires": read("expires", partial(_seconds, "expires")),
        "name": read("name", str),
    }


def _target(wish: ScheduleWish, before: Schedule | None) -> tuple[TargetKind, str]:
    said = _only_one({"task": wish.task, "pipeline": wish.pipeline}, is_new=before is None)
    if said is not None:
        return TargetKind(said[0]), said[1]
    assert before is not None  # noqa: S101 - a new one has said it
    return before.target_kind, before.target


def _timing(wish: ScheduleWish, before: Schedule | None) -> Timing:
    said = _only_one({"every": wish.every, "cron": wish.cron, "at": wish.at}, is_new=before is None)
    if said is not None:
        return _PARSERS[said[0]](said[1])
    assert before is not None  # noqa: S101 - as above
    return before.timing


def _only_one(ways: Mapping[str, str | None], *, is_new: bool) -> tuple[str, str] | None:
    """The one that was said; None where that may be left as it is."""
    names = " or ".join(f"`{name}`" for name in ways)
    said = [(name, text) for name, text in ways.items() if text]
    if len(said) > 1:
        raise InvalidSchedule(f"{' and '.join(f'`{name}`' for name, _ in said)} exclude each other: keep one")
    if not said and (is_new or "" in ways.values()):
        raise InvalidSchedule(f"a schedule needs {names}: say one of them")
    return said[0] if said else None


def _zone(name: str) -> str:
    fault = zone_fault(name)
    if fault is not None:
        raise InvalidSchedule(", ".join(fault))
    return name


def _payload(payload: Any) -> JsonObject:
    if not isinstance(payload, dict) or not all(isinstance(key, str) for key in payload):
        raise InvalidSchedule('the payload is no JSON object: write {} or {"name": value}')
    try:
        require_json(payload)
    except InvalidPayload as error:
        raise InvalidSchedule(str(error)) from error
    return payload


def _queue(wish: ScheduleWish, before: Schedule | None, name: str) -> str:
    starts_one = not wish.task and before is not None and before.target_kind is TargetKind.PIPELINE
    if wish.pipeline or starts_one:
        raise InvalidSchedule("`queue` is for a task, the nodes of a pipeline have their own: leave it out")
    if "${" in name:
        raise InvalidSchedule(f"{name!r} is no queue: variables are for sermos.yaml, write its name")
    if (fault := queue_fault(name)) is not None:
        raise InvalidSchedule(f"queue: {fault}")
    return name


def _choice(name: str, choices: type[StrEnum], said: str) -> StrEnum:
    try:
        return choices(said)
    except ValueError:
        raise InvalidSchedule(f"{said!r} is no {name}: choose one of {', '.join(choices)}") from None


def _seconds(name: str, said: Any) -> float:
    is_number = isinstance(said, int | float) and not isinstance(said, bool) and math.isfinite(said)
    if not is_number or not 0 <= said <= _LONGEST:
        raise InvalidSchedule(f"{name}: {said!r} is no number of seconds from 0 to {_LONGEST}")
    return float(said)


def _moment(name: str, said: str) -> str:
    try:
        return once(said).text
    except BadTiming as error:
        raise InvalidSchedule(f"{name}: {error}") from error


def _order_faults(values: Mapping[str, Any]) -> Iterator[str]:
    start, end, zone = values.get("start_at"), values.get("end_at"), values.get("timezone")
    if not (start and end and zone):
        return
    try:
        if not are_in_order(start, end, zone_of(zone)):
            yield "end_at is not after start_at: choose a later time"
    except BadTiming as error:
        yield str(error)
