"""The sweep: one pass, each second or so, that mends every loss there is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pypeline.runs.outcome import ErrorInfo
from pypeline.runs.states import Flag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pypeline.engine.engine import Engine
    from pypeline.store.records import Claim, Resent


@dataclass(frozen=True, slots=True)
class SweepPace:
    """
    How often the sweep passes, and when it takes a queued node for lost; in seconds.

    ``margin``: a node that was sent this much later on the same queue was claimed. ``grace``: its queue saw
    no claim at all. ``limit`` bounds the rows of one pass.
    """

    interval: float = 1.0
    margin: float = 5.0
    grace: float = 30.0
    limit: int = 100


@dataclass(frozen=True, slots=True)
class SweepReport:
    """What one pass mended."""

    lost: int = 0
    overdue: int = 0
    ended: int = 0
    admitted: int = 0
    due: int = 0
    resent: int = 0


class Sweeper:
    """
    Passes over the runs of this process's broker. Any worker may own one; the database lets one pass.

    A queued node is backlog until something tells that it is lost, see `SweepPace`; only then is it sent
    again.
    """

    def __init__(self, engine: Engine, pace: SweepPace | None = None) -> None:
        self._engine = engine
        self._store = engine.store
        self._broker = engine.identity.broker
        self._pace = pace or SweepPace()

    def sweep(self) -> SweepReport | None:
        """One pass; None if another worker passed within the interval."""
        pace = self._pace
        if not self._store.begin_sweep(self._broker, interval=pace.interval, lease=self._engine.lease):
            return None
        return SweepReport(
            lost=self._charge_lost(),
            overdue=self._flag_overdue(),
            ended=self._end_flagged(),
            admitted=self._admit(),
            due=self._send(self._store.queue_due(self._broker, limit=pace.limit)),
            resent=self._send(
                self._store.requeue_unclaimed(
                    self._broker, margin=pace.margin, grace=pace.grace, limit=pace.limit
                )
            ),
        )

    def _charge_lost(self) -> int:
        lapsed = self._store.lapsed(self._broker, limit=self._pace.limit)
        for claim, worker in lapsed:
            plan = self._engine.plans.of_run(claim.ref.run_id)
            self._engine.lose(plan, claim, _lost(claim, worker, self._engine.lease))
        return len(lapsed)

    def _flag_overdue(self) -> int:
        overdue = self._store.overdue(self._broker, limit=self._pace.limit)
        for run_id in overdue:
            self._engine.cancel(run_id, Flag.DEADLINE)
        return len(overdue)

    def _end_flagged(self) -> int:
        flagged = self._store.flagged(self._broker, limit=self._pace.limit)
        for run_id in flagged:
            self._engine.cancel(run_id)
        return len(flagged)

    def _admit(self) -> int:
        admitted = 0
        for run_id in self._store.with_room(self._broker, limit=self._pace.limit):
            ready = self._store.admit(run_id)
            self._engine.dispatch(run_id, ready)
            admitted += len(ready)
        return admitted

    def _send(self, queued: Sequence[Resent]) -> int:
        for resent in queued:
            self._engine.dispatch(resent.run_id, resent.ready)
        return sum(len(resent.ready) for resent in queued)


def _lost(claim: Claim, worker: str, lease: float) -> ErrorInfo:
    message = f"worker {worker} gave no sign for {lease:g} s while it ran attempt {claim.ref.attempt}"
    return ErrorInfo("WorkerLost", message)
