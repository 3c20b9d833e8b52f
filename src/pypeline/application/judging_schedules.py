"""From facts to findings: schedules, and the schedulers that start them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pypeline.application.checks import Check, Level, Part
from pypeline.schedules.schedule import TargetKind
from pypeline.store.schedules.records import Source
from pypeline.store.timestamps import format_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pypeline.application.facts import Facts
    from pypeline.store.schedules.records import BeatRecord

SILENCE = 15.0
"""Seconds without a sign after which a scheduler counts as gone: it gives one every 5."""

MOST_OVERDUE = 60.0
"""Seconds that a due time may wait for a scheduler before anybody is told."""

_MOST_NAMED = 5
_START_HERE = "start `pypeline dev`; with PYPELINE_BROKER_URL set `pypeline worker` and `pypeline beat`"
_START_ONE = "start one: `pypeline beat`"


def judge_schedules(facts: Facts) -> Iterator[Check]:
    """What is to be said of each scheduler, and of the schedules that do not go as they should."""
    alive = [beat for beat in facts.database.beats if beat.silent <= SILENCE]
    if not alive:
        yield from _without_scheduler(facts)
    for beat in facts.database.beats:
        yield _scheduler(facts, beat)
    if facts.database.schedules:
        yield from _schedules(facts, is_served=bool(alive))


def task_queues(facts: Facts) -> set[str]:
    """The queues of the tasks that schedules in the database start."""
    return {
        record.schedule.queue or facts.default_queue
        for record in facts.database.schedules
        if record.enabled and record.schedule.target_kind is TargetKind.TASK
    }


def without_scheduler(enabled: int, *, has_broker: bool) -> Check:
    """Of schedules that nobody starts."""
    # Without a broker nothing has to run between two commands.
    level, remedy = (Level.PROBLEM, _START_ONE) if has_broker else (Level.WARNING, _START_HERE)
    return Check(
        Part.SCHEDULER,
        level,
        f"{_counted(enabled)} on, but no scheduler was seen for {SILENCE:g} s: nothing starts them",
        remedy=remedy,
    )


def switched_off(schedule_id: str, problem: str, *, in_file: bool) -> Check:
    """Of a schedule that the scheduler has switched off."""
    place = "in sermos.yaml" if in_file else f"by `pypeline schedules update {schedule_id} …`"
    return Check(
        Part.SCHEDULE,
        Level.PROBLEM,
        f"the scheduler has switched it off: {problem}",
        about=schedule_id,
        remedy=f"mend that {place}, then `pypeline schedules enable {schedule_id}`",
    )


def overdue_schedules(overdue: Sequence[str]) -> Check:
    """Of schedules that wait for a scheduler for too long."""
    more = len(overdue) - _MOST_NAMED
    names = ", ".join(overdue[:_MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")
    return Check(
        Part.SCHEDULE,
        Level.PROBLEM,
        f"due for more than {MOST_OVERDUE:g} s, and not started: {names}",
        remedy="look at the log of the scheduler, and for transactions of others that hold rows of "
        "`pypeline_schedule`",
    )


def scheduler_document(beat: BeatRecord) -> dict[str, Any]:
    """A scheduler as JSON."""
    return {
        "scheduler": beat.beat_id,
        "version": beat.version,
        "started_at": format_time(beat.started_at),
        "silent_seconds": beat.silent,
    }


def _without_scheduler(facts: Facts) -> Iterator[Check]:
    if enabled := _enabled(facts):
        yield without_scheduler(enabled, has_broker=facts.broker is not None)


def _enabled(facts: Facts) -> int:
    """How many schedules are on, counting those of the file that no scheduler has brought in yet."""
    known = {record.schedule_id: record.enabled for record in facts.database.schedules}
    tasks = {} if facts.config is None else facts.config.scheduled_tasks
    return sum({**{name: task.enabled for name, task in tasks.items()}, **known}.values())


def _scheduler(facts: Facts, beat: BeatRecord) -> Check:
    if beat.silent > SILENCE:
        return Check(
            Part.SCHEDULER,
            Level.WARNING,
            f"silent for {beat.silent:,.0f} s: it was killed, or cannot reach the database",
            about=beat.beat_id,
            remedy="another one does its work; if it still runs, look at its log (forgotten after a day)",
        )
    if beat.version != facts.version:
        return Check(
            Part.SCHEDULER,
            Level.WARNING,
            f"runs PypeLine {beat.version}, this is {facts.version}",
            about=beat.beat_id,
            remedy="restart it on the same version once the deploy is through",
        )
    return Check(Part.SCHEDULER, Level.OK, f"seen {beat.silent:,.0f} s ago", about=beat.beat_id)


def _schedules(facts: Facts, *, is_served: bool) -> Iterator[Check]:
    records = facts.database.schedules
    found = [
        switched_off(record.schedule_id, record.problem, in_file=record.source is Source.FILE)
        for record in records
        if record.problem is not None
    ]
    overdue = _overdue(facts) if is_served else []
    if overdue:
        found.append(overdue_schedules(overdue))
    enabled = sum(record.enabled for record in records)
    if not found:
        yield Check(Part.SCHEDULE, Level.OK, f"{_counted(enabled)} on, {len(records) - enabled:,} off")
    yield from found


def _overdue(facts: Facts) -> list[str]:
    """The schedules that wait for a scheduler for too long."""
    now = facts.database.now
    return [
        record.schedule_id
        for record in facts.database.schedules
        if now and record.next_at and (now - record.next_at).total_seconds() > MOST_OVERDUE
    ]


def _counted(number: int) -> str:
    return "1 schedule is" if number == 1 else f"{number:,} schedules are"
