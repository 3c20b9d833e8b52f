"""What needs somebody: each entry says what is wrong, with what, and what to do."""

from __future__ import annotations

from datetime import timedelta
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from pypeline.application.checks import Check, Level
from pypeline.application.insights.queues import judge_waiting
from pypeline.application.insights.strips import MOST_RUNS
from pypeline.application.judging_schedules import (
    SILENCE,
    overdue_schedules,
    switched_off,
    without_scheduler,
)
from pypeline.runs.states import RunState
from pypeline.store.timestamps import time_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from pypeline.application.facts import Facts
    from pypeline.application.insights.sources import Sources
    from pypeline.store.insights.records import RunBrief, ScheduleOutlook
    from pypeline.store.schedules.records import BeatRecord

_MOST_SCHEDULES = 20
_MOST_PIPELINES = 200
_FRESH = timedelta(days=7)


def troubles(
    sources: Sources, facts: Facts, beats: Sequence[BeatRecord], outlook: ScheduleOutlook
) -> list[dict[str, Any]]:
    """What keeps runs from going on: queues that are not served, then schedules."""
    return [_entry(check) for check in (*_queues(sources, facts), *_schedules(sources, beats, outlook))]


def failing_pipelines(sources: Sources, now: datetime) -> list[dict[str, Any]]:
    """The pipelines that failed last, the newest failure first; what is not configured only for a week."""
    insights = sources.store.insights
    configured = () if sources.config is None else sources.config.pipelines
    found = insights.last_runs(insights.failing(limit=_MOST_PIPELINES), limit=MOST_RUNS)
    failed = [runs for runs in map(_failed_last, found.values()) if runs]
    shown = [runs for runs in failed if runs[0].pipeline_id in configured or now - _ended(runs) < _FRESH]
    return [_failing(runs) for runs in sorted(shown, key=_ended, reverse=True)]


def _queues(sources: Sources, facts: Facts) -> Iterator[Check]:
    # A broker inside one process has its own worker, which nobody else can start.
    if sources.has_broker:
        yield from (check for check in judge_waiting(facts) if check.level is not Level.OK)


def _schedules(sources: Sources, beats: Sequence[BeatRecord], outlook: ScheduleOutlook) -> Iterator[Check]:
    is_served = any(beat.silent <= SILENCE for beat in beats)
    if outlook.planned and not is_served:
        yield without_scheduler(outlook.planned, has_broker=sources.has_broker)
    if outlook.overdue and is_served:
        yield overdue_schedules(outlook.overdue)
    for found in sources.store.insights.switched_off(limit=_MOST_SCHEDULES):
        yield switched_off(found.schedule_id, found.problem, in_file=found.in_file)


def _ended(failed: Sequence[RunBrief]) -> datetime:
    return failed[0].finished_at or failed[0].created_at


def _failed_last(runs: Sequence[RunBrief]) -> list[RunBrief]:
    """The failures since the last success, newest first."""
    judged = [run for run in runs if run.state in (RunState.SUCCESS, RunState.FAILED)]
    return list(takewhile(lambda run: run.state is RunState.FAILED, judged))


def _failing(failed: Sequence[RunBrief]) -> dict[str, Any]:
    last = failed[0]
    times = "its last run" if len(failed) == 1 else f"its last {len(failed):,} runs"
    return {
        "level": Level.WARNING.value,
        "part": "pipeline",
        "about": last.pipeline_id,
        "message": f"{times} failed: {last.error}" if last.error else f"{times} failed",
        "remedy": f"see `pypeline show {last.run_id}`",
        "execution_id": last.run_id,
        "failed_runs": len(failed),
        "at": time_text(last.finished_at),
    }


def _entry(check: Check) -> dict[str, Any]:
    return {
        "level": check.level.value,
        "part": check.part.value,
        "about": check.about,
        "message": check.message,
        "remedy": check.remedy,
        "execution_id": None,
        "failed_runs": None,
        "at": None,
    }
