"""Schedules of the suite, and what became of their times."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from chaos.application import chaos_ledger
from chaos.forms import SLACK
from chaos.table import Row
from chaos.workers import await_that
from pypeline.application.inputs import MOST_RUNS
from pypeline.application.schedules.wishes import ScheduleWish
from pypeline.runs.states import RunState
from pypeline.store.records import RunFilter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chaos.stage import Stage
    from pypeline.store.schedules.records import OccurrenceRecord

FAIL_OVER = 5.0
"""Seconds within which what one scheduler left behind is settled by another."""

_EVERY = timedelta(milliseconds=500)
_SCHEDULES = 5


class Timetable:
    """Schedules that are due twice a second while a test does its worst, and what became of their times."""

    def __init__(self, stage: Stage, rows: list[Row]) -> None:
        self.stage = stage
        self._rows = rows
        self._names = [f"chaos-{uuid.uuid4().hex[:6]}" for _ in range(_SCHEDULES)]

    def begin(self) -> None:
        """Make the schedules: each starts a run of four nodes."""
        wish = ScheduleWish(pipeline="chain", every="500000 microseconds", payload={"pause": 0})
        for name in self._names:
            self.stage.application.schedules.create(name, wish)

    def until_fired(self, count: int) -> None:
        """Return once each has fired so many times more."""
        wanted = {name: len(self.settled(name)) + count for name in self._names}
        await_that(
            lambda: all(len(self.settled(name)) >= number for name, number in wanted.items()),
            f"each schedule fired {count} times",
            timeout=30,
        )

    def end(self) -> None:
        """Switch them off."""
        for name in self._names:
            self.stage.application.schedules.disable(name)

    def settled(self, name: str) -> list[OccurrenceRecord]:
        """The due times of a schedule that were settled, oldest first."""
        return list(reversed(self.stage.application.schedules.history(name, limit=1000)))

    def judge(self, fault: str, *, since: float, bound: float = FAIL_OVER) -> None:
        """
        Wait for the end of every run, add the row, and assert that each due time fired once, and soon.

        ``since``, in seconds since the epoch, is when the fault was over: what was due before counts from
        then.
        """
        self.end()
        settled = {name: self.settled(name) for name in self._names}
        runs = [one.run_id for fired in settled.values() for one in fired if one.run_id]
        states = {run: self.stage.application.wait(run, timeout=60) for run in runs}
        started = self._started()
        took = _latest(settled, since)
        self._rows.append(self._row(fault, started, took, bound))

        assert not [gap for fired in settled.values() for gap in _gaps(fired)]
        assert sorted(started) == sorted(runs)
        assert set(states.values()) == {RunState.SUCCESS}
        assert took <= bound + SLACK, f"something was settled {took:.1f} s late: {settled}"

    def _row(self, fault: str, started: list[str], took: float, bound: float) -> Row:
        documents = [self.stage.application.document(run) for run in started]
        nodes = sum(len(document["nodes"]) for document in documents)
        entries = [entry for entry in chaos_ledger.read(self.stage.ledger) if entry.run in {*started}]
        attempts = sum(not entry.ended for entry in entries)
        return Row(fault, len(started), nodes, attempts, attempts - nodes, took, bound)

    def _started(self) -> list[str]:
        wanted = [RunFilter(trigger=f"schedule:{name}", limit=MOST_RUNS) for name in self._names]
        return [run.run_id for one in wanted for run in self.stage.application.runs(one)]


def _gaps(fired: Sequence[OccurrenceRecord]) -> list[tuple[datetime, datetime]]:
    """Where two due times that follow each other are not as far apart as they should be."""
    return [(a.due_at, b.due_at) for a, b in pairwise(fired) if b.due_at - a.due_at != _EVERY]


def _latest(settled: Mapping[str, Sequence[OccurrenceRecord]], since: float) -> float:
    """How late, in seconds, the latest was settled; what was due before a moment counts from then."""
    over = datetime.fromtimestamp(since, UTC)
    return max(
        (one.fired_at - max(one.due_at, over)).total_seconds()
        for fired in settled.values()
        for one in fired
        if one.fired_at > over
    )
