"""Time limits: what they raise, and the watchdog of attempts that are threads."""

from __future__ import annotations

import ctypes
import logging
import threading
import time
from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
R = TypeVar("R")

GRACE = 10.0
_LONGEST_WAIT = 3600.0  # a lock's own limit, which `inf` would be over, is far beyond

logger = logging.getLogger(__name__)


class SoftTimeLimit(Exception):  # noqa: N818 - Celery's name for it is no error either
    """Raised inside a handler that has run for its ``maxTtl``: it has the grace to clean up."""


class HardTimeLimit(BaseException):
    """Raised inside a handler that did not end in the grace that it had."""


class Limits(Protocol):
    """Calls a function under a time limit, in whichever way a pool allows."""

    def run(self, function: Callable[[Watch[Any] | None], R], *, limit: float, subject: Any) -> R:
        """
        What the function returns, within that many seconds.

        It is given its `Watch` where it may say how it is to be interrupted. Once this has returned or
        raised, nothing is raised in the caller any more.
        """


class Watch(Generic[T]):
    """One attempt under a time limit, as its own thread sees it. Only the one who enforces it moves it."""

    def __init__(self, subject: T, due: float) -> None:
        self.subject = subject
        self.due = due
        self.thread = threading.get_ident()
        self.interrupted = False
        self.interrupt: Callable[[], None] | None = None
        """Called in place of raising in the thread, where that is known to be waiting for something else."""


class Watchdog(Generic[T]):
    """
    Ends handlers that outlive their limit.

    At the limit ``error`` is raised in the handler's thread, once. ``grace`` seconds later, if the handler
    still runs, ``expired`` is called with its subject, on the watchdog's thread: the attempt is to be
    recorded as timed out, though its thread stays stuck. Python raises between bytecodes only: C code that
    blocks (a socket without a timeout, a long ``time.sleep``) is not interrupted before it returns.
    """

    def __init__(
        self,
        expired: Callable[[T], None],
        *,
        grace: float = GRACE,
        error: type[BaseException] = SoftTimeLimit,
    ) -> None:
        self._expired = expired
        self._grace = grace
        self._error = error
        self._active: set[Watch[T]] = set()
        # A handler's thread takes the plain lock: the error raised there cannot cut its `with` in two.
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._thread: threading.Thread | None = None
        self._closed = False
        self._wakes_at = inf

    def run(self, function: Callable[[Watch[T]], R], *, limit: float, subject: T) -> R:
        """
        Call the function in this thread under a limit of that many seconds, and return what it returns.

        Once this has returned or raised, nothing is raised in the thread any more.
        """
        watch = Watch(subject, time.monotonic() + limit)
        try:
            try:
                self._begin(watch)
                return function(watch)
            finally:
                self._end(watch)
        except self._error:
            # It may have cut the first `_end` short. It comes only once, so nothing cuts this one.
            self._end(watch)
            raise

    def close(self) -> None:
        """Stop watching and end the thread. Handlers that run are left alone."""
        with self._lock:
            self._closed = True
            self._active.clear()
            self._changed.notify()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _begin(self, watch: Watch[T]) -> None:
        with self._lock:
            if self._closed:
                return
            self._active.add(watch)
            if self._thread is None:
                self._thread = threading.Thread(target=self._patrol, name="pypeline-watchdog", daemon=True)
                self._thread.start()
            if watch.due < self._wakes_at:
                self._changed.notify()

    def _end(self, watch: Watch[T]) -> None:
        with self._lock:
            self._active.discard(watch)
        if watch.interrupted:
            self._drain(watch.thread)

    def _drain(self, thread: int) -> None:
        """
        Take an error that was set for this thread, and may not have been raised yet, out of the way.

        The slot for it holds one: set it once more, and wait for it. To clear the slot instead would leave
        CPython's signal for it on (3.11): slow from then on, and without end under a tracer.
        """
        with suppress(self._error):
            _raise_in(thread, self._error)
            while True:
                pass

    def _patrol(self) -> None:
        while not self._closed:
            with self._lock:
                expired = self._visit(time.monotonic())
                if not expired and not self._closed:
                    self._wait()
            for watch in expired:
                self._tell(watch)

    def _visit(self, now: float) -> list[Watch[T]]:
        """Interrupt what is due for the first time; take away and answer what is due for the second."""
        due = [watch for watch in self._active if watch.due <= now]
        expired = [watch for watch in due if watch.interrupted]
        for watch in due:
            if watch.interrupted:
                self._active.discard(watch)
            else:
                watch.due = now + self._grace
                self._interrupt(watch)
        return expired

    def _interrupt(self, watch: Watch[T]) -> None:
        watch.interrupted = True
        if watch.interrupt is not None:
            watch.interrupt()
        else:
            _raise_in(watch.thread, self._error)

    def _wait(self) -> None:
        """Until the next watch is due, or one begins that is due before."""
        self._wakes_at = min((watch.due for watch in self._active), default=inf)
        seconds = self._wakes_at - time.monotonic()
        self._changed.wait(min(max(0.0, seconds), _LONGEST_WAIT))

    def _tell(self, watch: Watch[T]) -> None:
        try:
            self._expired(watch.subject)
        except Exception:
            logger.exception("a timed-out attempt could not be reported; its lease will lapse")


def _raise_in(thread: int, error: type[BaseException]) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(error))
