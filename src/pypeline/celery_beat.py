"""
The scheduler of ``celery beat``: ``beat_scheduler = "pypeline.celery_beat:SermosScheduler"``.

Our own application has it set. Any other may have it too: schedules and settings are then those of
PypeLine, and what they start is sent to that application's broker.
"""

from __future__ import annotations

import logging
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

from billiard.util import set_pdeathsig  # type: ignore[attr-defined] # missing in its stubs
from celery import signals
from celery.backends.base import DisabledBackend
from celery.beat import Scheduler

from pypeline.bootstrap.beat import celery_beat
from pypeline.errors import PypelineError
from pypeline.tasks.scheduling.aside import Aside

if TYPE_CHECKING:
    from celery import Celery

    from pypeline.tasks.scheduling.rounds import Rounds

__all__ = ["SermosScheduler"]

logger = logging.getLogger(__name__)

_CANNOT_WORK = 2
_END_TIMEOUT = 4.0
"""Seconds that a round which is under way gets when the process is to end."""


class SermosScheduler(Scheduler):
    """
    Fires the schedules that are in the database, as they are there at that moment.

    Any number of processes may have one: each due time is fired once. It keeps no file, and runs nothing of
    the application's own ``beat_schedule``.
    """

    max_interval = 1

    def __init__(self, app: Celery, **options: Any) -> None:
        self._aside: Aside | None = None
        self._rounds: Rounds | None = None
        super().__init__(app, **options)

    def setup_schedule(self) -> None:
        """Read settings and configuration. The process ends where they forbid a scheduler."""
        _warn_of_left_out(self.app)
        try:
            self._rounds = celery_beat(self.app)
        except PypelineError as error:
            logger.critical("the scheduler ends: %s", error)
            raise SystemExit(_CANNOT_WORK) from error
        self._aside = Aside("pypeline-beat")

    def tick(self, *_: Any, **__: Any) -> float:
        """Fire what is due; answers the seconds to sleep."""
        assert self._aside is not None  # noqa: S101 - Celery sets up before it ticks
        assert self._rounds is not None  # noqa: S101
        return self._aside.call(self._rounds.round)

    def close(self) -> None:
        """End well, and quickly. A signal handler may call it; safe to repeat."""
        aside, self._aside = self._aside, None
        if aside is not None and self._rounds is not None:
            with suppress(TimeoutError):
                aside.call(self._rounds.end, timeout=_END_TIMEOUT)
        super().close()


def _warn_of_left_out(app: Celery) -> None:
    """Say which entries of Celery's own schedule nobody runs."""
    entries = {*app.conf.beat_schedule, *_housekeeping(app)}
    if entries:
        logger.warning(
            "this scheduler does not run the entries of beat_schedule: %s. Declare them under scheduledTasks "
            "of sermos.yaml, or run them by a second beat: `celery beat -S celery.beat:PersistentScheduler`",
            ", ".join(sorted(entries)),
        )


def _housekeeping(app: Celery) -> set[str]:
    """What Celery's schedulers add by themselves for a result backend that forgets nothing."""
    backend: Any = app.backend
    forgets = isinstance(backend, DisabledBackend) or backend.supports_autoexpire
    return set() if forgets or not app.conf.result_expires else {"celery.backend_cleanup"}


def _end_with_worker(sender: Any, **_: Any) -> None:
    """A scheduler inside a worker (``worker -B``) does not outlive a killed one, where Linux helps."""
    if isinstance(sender.scheduler, SermosScheduler):
        signal.signal(signal.SIGTERM, _leave)
        with suppress(OSError):
            set_pdeathsig(signal.SIGTERM)


def _leave(*_: Any) -> NoReturn:
    """
    End well, at the first signal; those that follow say nothing new.

    Linux may send one for each thread of a killed worker, and the second would kill what is taking its leave.
    """
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise SystemExit


signals.beat_embedded_init.connect(_end_with_worker)
