"""The sweep: one pass, each second or so, that mends every loss there is."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Self

from pypeline.errors import DatabaseUnavailable
from pypeline.runs.outcome import ErrorInfo
from pypeline.runs.states import Flag

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pypeline.engine.engine import Engine
    from pypeline.store.records import Claim, Resent

logger = logging.getLogger(__name__)

_MARGIN = 5.0


@dataclass(frozen=True, slots=True)
class SweepPace:
    """
    How often the sweep passes, and when it takes a queued node for lost; in seconds.

    ``margin``: a node that was sent this much later on the same queue was claimed. ``grace``: its queue saw
    no claim at all. ``limit`` bounds the rows of each question of a pass, ``resent`` those that are sent
    again.
    """

    interval: float = 1.0
    margin: float = _MARGIN
    grace: float = 30.0
    limit: int = 100
    resent: int = 1000

    @classmethod
    def within(cls, lease: float, *, interval: float = 1.0) -> Self:
        """
        The pace that sends again what was lost within a lease, and a pass.

        The last claim on a queue that tells nothing comes a margin after the loss; then the grace begins.
        """
        margin = min(_MARGIN, lease / 4)
        return cls(interval=interval, margin=margin, grace=lease - margin)


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

    ``on_delay`` hears in how many seconds an attempt that was lost is followed by the next.

    A queued node is backlog until something tells that it is lost, see `SweepPace`; only then is it sent
    again.
    """

    def __init__(self, engine: Engine, pace: SweepPace | None = None) -> None:
        self._engine = engine
        self._store = engine.store
        self._broker = engine.identity.broker
        self._pace = pace or SweepPace()
        self._told: set[str] = set()
        self.on_delay: Callable[[float], None] | None = None

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
            due=self.queue_due(),
            resent=self._send(
                self._store.requeue_unclaimed(
                    self._broker, margin=pace.margin, grace=pace.grace, limit=pace.resent
                )
            ),
        )

    def queue_due(self) -> int:
        """Send the retries whose delay has passed; answers how many. Whoever knows of some need not wait."""
        return self._send(self._store.queue_due(self._broker, limit=self._pace.limit))

    def _charge_lost(self) -> int:
        lapsed = self._store.lapsed(self._broker, limit=self._pace.limit)
        return sum(
            self._mend(claim.ref.run_id, partial(self._charge, claim, worker)) for claim, worker in lapsed
        )

    def _charge(self, claim: Claim, worker: str) -> None:
        plan = self._engine.plans.of_run(claim.ref.run_id)
        delay = self._engine.lose(plan, claim, _lost(claim, worker, self._engine.lease))
        if delay is not None and self.on_delay is not None:
            self.on_delay(delay)

    def _flag_overdue(self) -> int:
        overdue = self._store.overdue(self._broker, limit=self._pace.limit)
        return sum(
            self._mend(run_id, partial(self._engine.cancel, run_id, Flag.DEADLINE)) for run_id in overdue
        )

    def _end_flagged(self) -> int:
        flagged = self._store.flagged(self._broker, limit=self._pace.limit)
        return sum(self._mend(run_id, partial(self._engine.cancel, run_id)) for run_id in flagged)

    def _admit(self) -> int:
        runs = self._store.with_room(self._broker, limit=self._pace.limit)
        return sum(self._mend(run_id, partial(self._admit_into, run_id)) for run_id in runs)

    def _admit_into(self, run_id: str) -> None:
        self._engine.dispatch(run_id, self._store.admit(run_id))

    def _mend(self, run_id: str, step: Callable[[], object]) -> bool:
        """
        Take a step for one run. A run that cannot be mended holds up no other: it is left, and told of once.

        False if that is so. Raises DatabaseUnavailable.
        """
        try:
            step()
        except DatabaseUnavailable:
            raise
        except Exception:
            level = logging.DEBUG if run_id in self._told else logging.ERROR
            self._told.add(run_id)
            logger.log(level, "the sweep leaves out run %s, which it cannot mend", run_id, exc_info=True)
            return False
        return True

    def _send(self, queued: Sequence[Resent]) -> int:
        return sum(
            len(resent.ready)
            for resent in queued
            if self._mend(resent.run_id, partial(self._engine.dispatch, resent.run_id, resent.ready))
        )


def _lost(claim: Claim, worker: str, lease: float) -> ErrorInfo:
    message = f"worker {worker} gave no sign for {lease:g} s while it ran attempt {claim.ref.attempt}"
    return ErrorInfo("WorkerLost", message)
