"""The thread of each worker process that says that it lives, and mends what was lost."""

from __future__ import annotations

import logging
import math
import threading
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

logger = logging.getLogger(__name__)

_GRID = 0.05
"""Seconds between two early rounds at least: a thousand retries that are due together need one."""

_FARTHEST = 60.0
_LONGEST_PAUSE = 2.0
"""Seconds between two rounds that fail: short of a lease, which an outage prolongs once only."""
_STOP_TIMEOUT = 5.0


class Upkeep:
    """
    Calls each duty, such as a beat and a sweep, every ``interval`` seconds while it is entered.

    What is expected before that gets a round of its own, of the duties in ``early``: by default all. A duty
    that raises is called again after a pause that grows, for ever; the log says so once for each kind of
    fault.
    """

    def __init__(
        self,
        *duties: Callable[[], object],
        early: Sequence[Callable[[], object]] | None = None,
        interval: float = 1.0,
    ) -> None:
        self._duties = duties
        self._early_duties = duties if early is None else early
        self._interval = interval
        self._next = -math.inf
        self._faults: dict[Callable[[], object], type[Exception]] = {}
        self._failures = 0
        self._early: set[float] = set()
        self._change = threading.Condition()
        self._stopped = False
        self._thread = threading.Thread(target=self._keep, name="pypeline-upkeep", daemon=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Begin, with a first round at once."""
        self._thread.start()

    def stop(self) -> None:
        """End after the duty that is being done, if any. Safe to repeat."""
        with self._change:
            self._stopped = True
            self._change.notify_all()
        if self._thread.is_alive():
            self._thread.join(_STOP_TIMEOUT)

    def expect(self, seconds: float) -> None:
        """
        Something is due in so many seconds: let a round come then.

        What is farther than a minute is left to the others.
        """
        if seconds > _FARTHEST:
            return
        due = math.floor((time.monotonic() + seconds) / _GRID + 1) * _GRID
        with self._change:
            if due not in self._early:
                self._early.add(due)
                self._change.notify_all()

    def _keep(self) -> None:
        while not self._stopped:
            regular = time.monotonic() >= self._next
            failed = [
                duty for duty in (self._duties if regular else self._early_duties) if not self._do(duty)
            ]
            if regular:
                self._failures = self._failures + 1 if failed else 0
                pause = min(self._interval * 2**self._failures, max(self._interval, _LONGEST_PAUSE))
                self._next = time.monotonic() + pause
            self._rest()

    def _do(self, duty: Callable[[], object]) -> bool:
        try:
            duty()
        except Exception as error:  # noqa: BLE001 - it must outlive whatever a database or a driver can raise
            self._tell(duty, error)
            return False
        if self._faults.pop(duty, None):
            logger.info("%s works again", _name(duty))
        return True

    def _tell(self, duty: Callable[[], object], error: Exception) -> None:
        if self._faults.get(duty) is type(error):
            logger.debug("%s fails again: %s", _name(duty), error)
            return
        self._faults[duty] = type(error)
        logger.warning("%s fails and is tried again: %s: %s", _name(duty), type(error).__name__, error)

    def _rest(self) -> None:
        """Sleep until the next round, or until something expected is due."""
        with self._change:
            while not self._stopped:
                left = min(self._early | {self._next}) - time.monotonic()
                if left <= 0:
                    break
                self._change.wait(left)
            now = time.monotonic()
            self._early = {due for due in self._early if due > now}


def _name(duty: Callable[[], object]) -> str:
    return getattr(duty, "__qualname__", repr(duty))
