"""The parent of a prefork worker: it beats for its children, ends the deaf, records for the dead."""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import TYPE_CHECKING

from pypeline.errors import DatabaseUnavailable, PypelineError
from pypeline.runs.outcome import Failed, Postponed
from pypeline.tasks.attempts.failures import time_limit_info
from pypeline.tasks.attempts.telling import tell_failure
from pypeline.tasks.attempts.worker import delay_after
from pypeline.tasks.prefork.deaths import UNKNOWN, cause_of_death, lost_with_its_process

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from pypeline.engine import Engine, Work
    from pypeline.runs.outcome import Outcome
    from pypeline.tasks.prefork.crew import Crew, Held

logger = logging.getLogger(__name__)


class Foreman:
    """
    Answers for the attempts of a `Crew`, under the worker id that its children claim with.

    ``cancel_grace`` is how many seconds a handler may go on after its run was cancelled, or is past its
    deadline. ``on_delay`` hears in how many seconds an attempt that was recorded is followed by the next.
    Whatever a child recorded before it died stands.
    """

    def __init__(self, engine: Engine, crew: Crew, *, cancel_grace: float) -> None:
        self.on_delay: Callable[[float], None] | None = None
        self._engine = engine
        self._crew = crew
        self._cancel_grace = cancel_grace

    def beat(self) -> None:
        """Renew the leases of what the children run, and learn whose run nobody wants any more."""
        self._engine.beat(self._crew.refs())

    def supervise(self) -> None:
        """End the children whose handlers did not end in time, and notice those that are gone."""
        now = time.monotonic()
        overdue = self._crew.deadlines.passed(now)
        for request, held in self._crew.running().items():
            self._notice(request, held)
            if held.ending is not None:
                continue
            if held.pid in overdue:
                logger.warning("%s hangs past its time limit; its process is ended", held.ref)
                self._crew.end(request, _timed_out)
            elif self._is_stubborn(held, now):
                logger.warning("%s goes on though its run was ended; its process is ended", held.ref)
                self._crew.end(request, partial(_cut_short, grace=self._cancel_grace))

    def settle(self) -> None:
        """
        Record what children could not.

        Raises DatabaseUnavailable; what is left then is for the next round.
        """
        lost = self._crew.lost
        while lost:
            try:
                self._settle(lost[0])
            except DatabaseUnavailable:
                raise
            except Exception:  # whatever it is: the next one can be recorded
                logger.exception("the end of %s cannot be recorded; its lease will lapse", lost[0].ref)
            lost.popleft()

    def give_back(self) -> int:
        """Hand what still runs to other workers, uncharged; answers how many attempts that were."""
        left = self._crew.running().values()
        for held in left:
            try:
                self._give_back(held)
            except PypelineError as error:
                logger.warning("could not give back %s, its lease will lapse: %s", held.ref, error)
        return len(left)

    def dismiss(self) -> None:
        """End the children that still run something."""
        for held in self._crew.running().values():
            self._crew.kill(held.pid)

    def _is_stubborn(self, held: Held, now: float) -> bool:
        if not self._engine.is_flagged(held.ref.run_id):
            return False
        if held.unwanted_since is None:
            held.unwanted_since = now
        return now >= held.unwanted_since + self._cancel_grace

    def _notice(self, request: Hashable, held: Held) -> None:
        """See whether the child is dead: the pool takes some seconds to notice, or longer."""
        cause = cause_of_death(held.pid)
        if cause is None:
            return
        if cause == UNKNOWN and not held.missed:
            held.missed = True  # the pool was told, and is about to tell us
            return
        self._crew.gone(request, partial(_died, cause=cause))

    def _settle(self, held: Held) -> None:
        work = self._engine.adopt(held.ref)
        if work is None:
            logger.debug("%s was recorded before its process ended, or not claimed yet", held.ref)
            return
        outcome = None if held.ending is None else held.ending(work)
        if outcome is None:
            self._engine.give_back(work)
        else:
            tell_failure(work, outcome, self._engine.record(work, outcome))
            self._tell_delay(work, outcome)

    def _tell_delay(self, work: Work, outcome: Outcome) -> None:
        delay = delay_after(work, outcome)
        if delay is not None and self.on_delay is not None:
            self.on_delay(delay)

    def _give_back(self, held: Held) -> None:
        work = self._engine.adopt(held.ref)
        if work is not None:
            self._engine.give_back(work)


def _timed_out(work: Work) -> Failed:
    return Failed(time_limit_info(work.step.max_ttl))


def _cut_short(_: Work, *, grace: float) -> Postponed:
    # Not charged, and not done again: what waits in a run that is flagged ends as cancelled.
    return Postponed(0.0, f"ended by its worker: it went on for {grace:g} s after its run was to end")


def _died(work: Work, *, cause: str) -> Failed:
    return lost_with_its_process(cause, work.claim.ref.attempt)
