"""Time limits in a child of a pool: it interrupts itself, and its parent ends what does not listen."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING, Any, TypeVar

from pypeline.tasks.limits.timeouts import GRACE, SoftTimeLimit, Watch

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from pypeline.tasks.limits.deadlines import Slot

R = TypeVar("R")

_LONGEST = 1e8  # seconds; the timer of the system takes no infinity


class Alarm:
    """
    Limits what the main thread of this process calls.

    At the limit `SoftTimeLimit` is raised in it, also out of a system call that blocks. ``slot`` tells the
    parent when to end this process, should that not help: ``grace`` seconds later. Nothing of this happens
    before the function is called, or once it has returned: an outcome that waits for the database is safe.
    """

    def __init__(self, slot: Slot | None, *, grace: float = GRACE) -> None:
        self._slot = slot
        self._grace = grace
        self._watch: Watch[Any] | None = None

    def run(self, function: Callable[[Watch[Any]], R], *, limit: float, subject: Any) -> R:
        """Call the function under a limit of that many seconds, and return what it returns."""
        try:
            try:
                return function(self._begin(limit, subject))
            finally:
                self._end()
        except SoftTimeLimit:
            # It may have cut the first `_end` short. It comes only once, so nothing cuts this one.
            self._end()
            raise

    def _begin(self, limit: float, subject: Any) -> Watch[Any]:
        # Here, and not once: billiard and handlers set signals of their own.
        if signal.getsignal(signal.SIGALRM) != self._ring:
            signal.signal(signal.SIGALRM, self._ring)
        limit = min(limit, _LONGEST)
        watch = Watch(subject, time.monotonic() + limit)
        if self._slot is not None:
            self._slot.set(watch.due + self._grace)
        self._watch = watch
        signal.setitimer(signal.ITIMER_REAL, limit)
        return watch

    def _end(self) -> None:
        self._watch = None
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        if self._slot is not None:
            self._slot.clear()

    def _ring(self, _: int, __: FrameType | None) -> None:
        watch = self._watch
        if watch is None:
            return
        watch.interrupted = True
        if watch.interrupt is None:
            raise SoftTimeLimit
        watch.interrupt()
