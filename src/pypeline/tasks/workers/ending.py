"""How a worker ends: it waits for what runs, but not for ever."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Ending:
    """
    A thread that sleeps until the worker is to end; then it waits until ``is_idle``, within a grace.

    Where that is over, ``break_off`` is called, on this thread.
    """

    def __init__(self, is_idle: Callable[[], bool], break_off: Callable[[], object]) -> None:
        self._is_idle = is_idle
        self._break_off = break_off
        self._until: float | None = None
        # Its lock is re-entrant: a signal handler may come while its own thread tells of a change.
        self._change = threading.Condition()
        self._thread = threading.Thread(target=self._wait, name="pypeline-ending", daemon=True)

    def start(self) -> None:
        """Begin to sleep."""
        self._thread.start()

    def within(self, grace: float) -> None:
        """End within so many seconds; returns at once. Of several calls the most urgent counts."""
        until = time.monotonic() + grace
        with self._change:
            if self._until is None or until < self._until:
                self._until = until
                self._change.notify_all()

    def changed(self) -> None:
        """Something has ended."""
        if self._until is not None:
            with self._change:
                self._change.notify_all()

    def _wait(self) -> None:
        with self._change:
            while not self._is_over():
                self._change.wait(None if self._until is None else max(0.0, self._until - time.monotonic()))
        if not self._is_idle():
            self._break_off()

    def _is_over(self) -> bool:
        return self._until is not None and (self._is_idle() or time.monotonic() >= self._until)
