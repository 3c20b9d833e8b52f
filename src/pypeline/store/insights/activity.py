"""How runs ended, and which have not."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pypeline.runs.states import RunState
from pypeline.store.insights.records import Endings, Slot
from pypeline.store.insights.spans import HALF_HOUR, half_hour
from pypeline.store.workers import clock

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pypeline.store.connections import Transaction

MOST_RUNS = 50_000
"""How many runs one question looks at."""

_DAY = timedelta(days=1)
_WEEK = 7 * _DAY

# A run ends after it was created: the index on that finds those that ended lately, but for the few that
# took longer than a day and were created before.
_NEWEST = """
    SELECT id, pipeline_id, state, finished_at FROM pypeline_run
    WHERE app = :app AND created_at >= :earliest ORDER BY created_at DESC, id DESC LIMIT :most
"""
_ENDINGS = f"""
    SELECT state, span, CASE WHEN span = 'day' THEN slot END, count(*) FROM (
        SELECT state, {{half_hour}} AS slot, CASE WHEN finished_at >= :day THEN 'day'
            WHEN finished_at >= :before THEN 'before' WHEN finished_at >= :week THEN 'week' END AS span
        FROM ({_NEWEST}) AS newest) AS placed
    GROUP BY 1, 2, 3
"""
_ENDED_WITHIN = f"""
    SELECT pipeline_id, state, count(*) FROM ({_NEWEST}) AS newest
    WHERE finished_at >= :since GROUP BY pipeline_id, state
"""
# Concatenated, so that no index by application is a candidate: that of open runs is short.
IS_OPEN = "state IN ('pending', 'running') AND app || '' = :app"
_OPEN_RUNS = f"""
    SELECT pipeline_id, state, count(*) FROM pypeline_run WHERE {IS_OPEN} GROUP BY pipeline_id, state
"""
# Likewise: the index of leased nodes is as short as what runs; that of a run's nodes may be long.
_BUSY = f"""
    SELECT worker, count(*) FROM pypeline_node
    WHERE state = 'running' AND lease_until IS NOT NULL
        AND run_id || '' IN (SELECT id FROM pypeline_run WHERE {IS_OPEN})
    GROUP BY worker
"""


def endings(tx: Transaction, *, app: str) -> Endings:
    """The ends of a week, of the last day by half hours."""
    now = clock(tx)
    starts = {
        "day": now - _DAY,
        "before": now - 2 * _DAY,
        "week": now - _WEEK,
        "earliest": now - _WEEK - _DAY,
    }
    params = {name: tx.dialect.moment(time) for name, time in starts.items()}
    statement = _ENDINGS.format(half_hour=half_hour(tx.dialect, "finished_at"))
    rows = tx.all(statement, app=app, most=MOST_RUNS, **params)
    day, before = _counted(rows, "day"), _counted(rows, "before")
    return Endings(
        now=now,
        slots=_slots(rows, now),
        day=day,
        day_before=before,
        week=day + before + _counted(rows, "week"),
        truncated=sum(row[-1] for row in rows) >= MOST_RUNS,
    )


def ended_within(tx: Transaction, *, seconds: float, app: str) -> Mapping[tuple[str, RunState], int]:
    """The ends of the last while by pipeline."""
    now = clock(tx)
    since = tx.dialect.moment(now - timedelta(seconds=seconds))
    earliest = tx.dialect.moment(now - _WEEK - _DAY)
    rows = tx.all(_ENDED_WITHIN, app=app, since=since, earliest=earliest, most=MOST_RUNS)
    return _by_pipeline(rows)


def open_runs(tx: Transaction, *, app: str) -> Mapping[tuple[str, RunState], int]:
    """What has not ended, by pipeline."""
    return _by_pipeline(tx.all(_OPEN_RUNS, app=app))


def busy(tx: Transaction, *, app: str) -> Mapping[str, int]:
    """The attempts that run now, by worker."""
    return {worker: number for worker, number in tx.all(_BUSY, app=app) if worker is not None}


def _counted(rows: list[tuple[Any, ...]], wanted: str) -> Counter[RunState]:
    found: Counter[RunState] = Counter()
    for state, span, _, number in rows:
        if span == wanted:
            found[RunState(state)] += number
    return found


def _slots(rows: list[tuple[Any, ...]], now: datetime) -> tuple[Slot, ...]:
    """The half hours of the last day, on the hour and at half past."""
    since = now - _DAY
    first, last = (int(time.timestamp()) // HALF_HOUR for time in (since, now))
    counts: dict[int, Counter[RunState]] = {number: Counter() for number in range(first, last + 1)}
    for state, span, number, count in rows:
        if span == "day":
            # What ended while this was asked belongs to the last.
            counts[min(int(number), last)][RunState(state)] += count
    return tuple(
        Slot(max(_start_of(number), since), min(_start_of(number + 1), now), found)
        for number, found in counts.items()
    )


def _start_of(number: int) -> datetime:
    return datetime.fromtimestamp(number * HALF_HOUR, UTC)


def _by_pipeline(rows: list[tuple[Any, ...]]) -> dict[tuple[str, RunState], int]:
    return {(pipeline_id, RunState(state)): number for pipeline_id, state, number in rows}
