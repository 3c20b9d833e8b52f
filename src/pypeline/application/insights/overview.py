"""Is all well, and what needs somebody: one document for the first page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pypeline.application.insights.attention import failing_pipelines, troubles
from pypeline.application.insights.queues import waiting_figures
from pypeline.application.insights.sources import alive_among
from pypeline.application.insights.words import ended_document, seconds_number, success_share
from pypeline.application.judging_schedules import MOST_OVERDUE, SILENCE
from pypeline.runs.states import RunState
from pypeline.store.timestamps import time_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pypeline.application.insights.sources import Sources
    from pypeline.store.insights.records import Endings, RunCounts, ScheduleOutlook, Slot
    from pypeline.store.schedules.records import BeatRecord


def overview_document(sources: Sources) -> dict[str, Any]:
    """Figures, the last day by half hours, and what needs attention."""
    insights = sources.store.insights
    facts, endings = sources.facts(), insights.endings()
    beats, outlook = sources.store.schedules.beats(), insights.outlook(grace=MOST_OVERDUE)
    alive = alive_among(facts)
    return {
        "now": time_text(endings.now),
        "figures": {
            **_ended_figures(endings),
            "running": _running(insights.open_runs(), insights.busy()),
            "waiting": waiting_figures(facts),
            "workers": {"alive": len(alive), "known": len(facts.database.workers)},
            "schedulers": _schedulers(beats, outlook),
        },
        "activity": [_slot(slot) for slot in endings.slots],
        "attention": [
            *troubles(sources, facts, beats, outlook),
            *failing_pipelines(sources, endings.now),
        ],
    }


def _ended_figures(endings: Endings) -> dict[str, Any]:
    spans = {"day": endings.day, "day_before": endings.day_before, "week": endings.week}
    return {
        **{name: _ended(counts) for name, counts in spans.items()},
        "truncated": endings.truncated,
    }


def _ended(counts: RunCounts) -> dict[str, Any]:
    ended = ended_document(counts)
    return {"ended": sum(ended.values()), **ended, "success_share": success_share(counts)}


def _running(open_runs: Mapping[tuple[str, RunState], int], busy: Mapping[str, int]) -> dict[str, int]:
    def in_state(wanted: RunState) -> int:
        return sum(number for (_, state), number in open_runs.items() if state is wanted)

    return {
        "runs": in_state(RunState.RUNNING),
        "pending_runs": in_state(RunState.PENDING),
        "attempts": sum(busy.values()),
    }


def _schedulers(beats: Sequence[BeatRecord], outlook: ScheduleOutlook) -> dict[str, Any]:
    silent = [beat.silent for beat in beats]
    return {
        "alive": sum(seconds <= SILENCE for seconds in silent),
        "known": len(beats),
        "silent_seconds": seconds_number(min(silent, default=None)),
        "schedules": outlook.planned,
        "next_schedule": outlook.next_id,
        "next_at": time_text(outlook.next_at),
        "late_seconds": seconds_number(outlook.late),
        "overdue": len(outlook.overdue),
    }


def _slot(slot: Slot) -> dict[str, Any]:
    return {
        "since": time_text(slot.since),
        "until": time_text(slot.until),
        **ended_document(slot.counts),
    }
