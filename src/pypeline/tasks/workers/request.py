"""Tells the parent of a prefork worker what its children run."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from billiard.einfo import ExceptionWithTraceback  # type: ignore[attr-defined] # missing in its stubs
from celery.exceptions import Terminated, TimeLimitExceeded, WorkerLostError
from celery.worker import state
from celery.worker.request import Request

from pypeline.runs.outcome import Failed
from pypeline.tasks.attempts.failures import time_limit_info
from pypeline.tasks.brokers.messages import HEADER
from pypeline.tasks.prefork.deaths import cause_in, lost_with_its_process

if TYPE_CHECKING:
    from pypeline.engine import Work
    from pypeline.tasks.workers.process import PerProcess

_DEATHS = (WorkerLostError, Terminated, TimeLimitExceeded, SystemExit, KeyboardInterrupt)


_Request: Any = Request  # its stubs know nothing of what is inherited here


class NodeRequest(_Request):  # type: ignore[misc]
    """
    What Celery's worker knows of a message, for `ChainedTask`.

    Its hooks run in the main process. A request that was accepted outlives a lost connection to the broker,
    as the handler does. Plain calls of a task pass by.
    """

    _staff: PerProcess | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if HEADER in self._request_dict:
            # Celery would count from the claim's first try, and on while an outcome waits for the database.
            self.time_limits = (None, None)
            self._staff = self.task.staff

    @property
    def is_node(self) -> bool:
        """False for a plain call of a task."""
        return HEADER in self._request_dict

    def on_accepted(self, pid: int, time_accepted: float) -> None:
        """A process of the pool has begun with it."""
        super().on_accepted(pid, time_accepted)
        # The answer of a short one may be read before this.
        if self._staff is not None and not self.acknowledged:
            self._staff.accepted(self, self._request_dict[HEADER], pid)

    def acknowledge(self) -> None:
        """It is done with, also where the handler failed."""
        super().acknowledge()
        if self._staff is not None:
            self._staff.released(self)

    def reject(self, requeue: bool = False) -> None:  # noqa: FBT001, FBT002 - Celery's
        """It was not begun, and goes back to its queue."""
        super().reject(requeue=requeue)
        if self._staff is not None:
            self._staff.released(self)

    def on_failure(self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False) -> None:  # noqa: FBT001, FBT002 - Celery's
        """It escaped the task, or its process is gone."""
        error = exc_info.exception
        if isinstance(error, ExceptionWithTraceback):
            error = error.exc
        if self._staff is not None and isinstance(error, _DEATHS):
            self._staff.gone(self, partial(_outcome_of_death, error))
        super().on_failure(exc_info, send_failed_event=send_failed_event, return_ok=return_ok)

    def cancel(self, pool: Any, signal: Any = None, emit_retry: bool = True) -> None:  # noqa: FBT001, FBT002 - Celery's
        """The worker ends without waiting for it; or the connection was lost, where users want this."""
        if self._staff is None or emit_retry:
            super().cancel(pool, signal, emit_retry=emit_retry)
            return
        self._staff.finish(0.0)
        # Where the pool cannot end it, `finish` ends the process; in solo this runs within the handler,
        # which would be charged with the error.
        with suppress(NotImplementedError):
            super().cancel(pool, signal, emit_retry=emit_retry)


def others_run() -> bool:
    """True while the worker of this process runs tasks that are no nodes."""
    return not all(isinstance(request, NodeRequest) and request.is_node for request in state.active_requests)


def _outcome_of_death(error: BaseException, work: Work) -> Failed:
    if isinstance(error, TimeLimitExceeded):
        # A limit of the whole application, which Celery enforces.
        return Failed(time_limit_info(error.args[0] if error.args else work.step.max_ttl))
    return lost_with_its_process(cause_in(error), work.claim.ref.attempt)
