"""What a worker process does with the attempt that a message names: claim it, run it, record how it ended."""

from __future__ import annotations

import logging
import threading
import uuid
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Protocol, TypeVar

from pypeline.errors import DatabaseUnavailable, PypelineError, UnknownRun
from pypeline.runs.outcome import ErrorInfo, Failed, Postponed
from pypeline.tasks.attempts.failures import time_limit_info
from pypeline.tasks.attempts.telling import tell_failure

if TYPE_CHECKING:
    from collections.abc import Callable

    from pypeline.engine import Engine, Work
    from pypeline.runs.outcome import Outcome
    from pypeline.store.records import AttemptRef

logger = logging.getLogger(__name__)

T = TypeVar("T")

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 2.0
_NO_JITTER = Random(0)  # noqa: S311 - never drawn from


class ShuttingDown(PypelineError):  # noqa: N818 - names say what is wrong
    """This worker takes nothing new; another one, or its next life, will."""


class Execute(Protocol):
    """Calls the handler of an attempt; never raises."""

    def __call__(self, work: Work) -> Outcome:
        """How the attempt ended."""


class NodeWorker:
    """
    Performs attempts, in as many threads as call it. One a process.

    ``on_claim`` hears that an attempt was claimed, ``on_delay`` in how many seconds one that was just
    recorded is followed by the next, ``on_stuck`` which thread, by its ident, will not come back, and
    ``on_end`` that one attempt less runs.
    """

    def __init__(
        self,
        engine: Engine,
        execute: Execute,
        *,
        on_claim: Callable[[], None] | None = None,
        on_delay: Callable[[float], None] | None = None,
        on_stuck: Callable[[int], None] | None = None,
    ) -> None:
        self.engine = engine
        self.on_stuck = on_stuck
        self.on_end: Callable[[], None] | None = None
        self._execute = execute
        self._on_claim = on_claim
        self._on_delay = on_delay
        self._stopping = threading.Event()
        self._leaving = threading.Event()
        self._running: dict[AttemptRef, tuple[Work, int]] = {}

    @property
    def running(self) -> tuple[Work, ...]:
        """The attempts that are claimed and not recorded yet."""
        return tuple(work for work, _ in tuple(self._running.values()))

    def perform(self, ref: AttemptRef) -> None:
        """
        Do one attempt, from claim to record.

        Where the claim is refused, the message is a copy, and nothing is done. Waits while the database is
        away. Raises ShuttingDown where the attempt was not begun because of it.
        """
        work = self._claim(ref)
        if work is None:
            logger.debug("dropped a copy of %s", ref)
            return
        self._running[ref] = work, threading.get_ident()
        try:
            self._attempt(work)
        finally:
            self._running.pop(ref, None)
            if self.on_end is not None:
                self.on_end()

    def expire(self, work: Work) -> None:
        """
        Record an attempt as timed out whose handler does not return, in place of the thread that is stuck.

        What the handler reports later is dropped. Nothing where it has reported just now.
        """
        _, thread = self._running.pop(work.claim.ref, (work, None))
        if thread is None:
            return
        logger.warning("%s hangs past its time limit; its thread is given up", work.claim.ref)
        self._record(work, Failed(time_limit_info(work.step.max_ttl)))
        if self.on_stuck is not None:
            self.on_stuck(thread)

    def stop(self) -> None:
        """Claim nothing more. What runs goes on, and is recorded."""
        self._stopping.set()

    def leave(self) -> int:
        """
        Stop, wait for no database, and hand what still runs to other workers, uncharged.

        Answers how many attempts that were. What their handlers report later is dropped.
        """
        self._stopping.set()
        self._leaving.set()
        left = self.running
        for work in left:
            self._running.pop(work.claim.ref, None)
            self._give_back(work)
        return len(left)

    def _attempt(self, work: Work) -> None:
        if self._on_claim is not None:
            self._on_claim()
        try:
            outcome = self._outcome(work)
        except BaseException:
            # This process is told to end, not the handler.
            self._give_back(work)
            raise
        if work.claim.ref in self._running:
            self._record(work, outcome)

    def _give_back(self, work: Work) -> None:
        try:
            self.engine.give_back(work)
        except PypelineError as error:
            logger.warning("could not give back %s, its lease will lapse: %s", work.claim.ref, error)

    def _claim(self, ref: AttemptRef) -> Work | None:
        if self._stopping.is_set():
            raise ShuttingDown(f"{ref} was not begun")
        token = uuid.uuid4().hex  # the same at each try: one of them may have been committed, its reply lost
        try:
            return self._insist(
                lambda: self.engine.claim(ref, token=token), f"claim of {ref}", self._stopping
            )
        except DatabaseUnavailable as error:
            raise ShuttingDown(f"{ref} was not begun: {error}") from error
        except UnknownRun:
            logger.warning("dropped a message of run %s, which the database does not have", ref.run_id)
            return None

    def _outcome(self, work: Work) -> Outcome:
        try:
            return self._execute(work)
        except Exception as error:  # a fault of ours must not leave the attempt running for ever
            logger.exception("%s broke down outside its handler", work.claim.ref)
            return Failed(ErrorInfo(type(error).__name__, str(error)))

    def _record(self, work: Work, outcome: Outcome) -> None:
        ref = work.claim.ref
        try:
            recorded = self._insist(
                lambda: self.engine.record(work, outcome), f"outcome of {ref}", self._leaving
            )
        except DatabaseUnavailable:
            logger.exception("the outcome of %s is lost with this worker; it will be attempted again", ref)
        except Exception as error:
            logger.exception("the outcome of %s cannot be recorded", ref)
            self._record_refusal(work, error)
        else:
            tell_failure(work, outcome, recorded)
            self._tell_delay(work, outcome)

    def _record_refusal(self, work: Work, error: Exception) -> None:
        # Without any record the attempt would run for ever: this worker lives, so its lease is renewed.
        refusal = Failed(ErrorInfo(type(error).__name__, f"the outcome could not be recorded: {error}"))
        try:
            self._insist(lambda: self.engine.record(work, refusal), "refusal", self._leaving)
        except Exception:  # whatever it is, the worker goes on with other attempts
            logger.exception("the failure of %s cannot be recorded either", work.claim.ref)
            self.engine.let_go(work.claim.ref)

    def _insist(self, call: Callable[[], T], what: str, end: threading.Event) -> T:
        """Repeat a call while the database is away. Raises its DatabaseUnavailable once there is an end."""
        pause = _FIRST_PAUSE
        while True:
            try:
                return call()
            except DatabaseUnavailable as error:
                if pause == _FIRST_PAUSE:
                    logger.warning("the %s waits for the database: %s", what, error)
                if end.wait(pause):
                    raise
                pause = min(pause * 2, _LONGEST_PAUSE)

    def _tell_delay(self, work: Work, outcome: Outcome) -> None:
        if self._on_delay is not None:
            delay = delay_after(work, outcome)
            if delay is not None:
                self._on_delay(delay)


def delay_after(work: Work, outcome: Outcome) -> float | None:
    """In how many seconds the next attempt is due after this outcome; None where there is none."""
    if isinstance(outcome, Postponed):
        return outcome.seconds
    if not isinstance(outcome, Failed) or outcome.final:
        return None
    # With jitter it may be due sooner; then a regular round finds it.
    return replace(work.step.retry, jitter=False).delay(work.claim.tries + 1, _NO_JITTER)
