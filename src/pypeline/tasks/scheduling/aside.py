"""A thread that makes calls for another one."""

from __future__ import annotations

import math
import threading
import time
from concurrent.futures import Future, wait
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_LOOK = 0.2
"""Seconds between two looks for signals: one that comes just before a wait does not break that off."""


class Aside:
    """
    Makes calls, one after the other, in a thread of its own.

    A signal handler that raises, as those of Celery do, breaks off the waiting for a call and never the call:
    no transaction is left in the middle. The thread does not keep the process alive.
    """

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = SimpleQueue()
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def call(self, work: Callable[[], T], *, timeout: float = math.inf) -> T:
        """What ``work`` answers or raises. Raises TimeoutError where that takes longer; then it goes on."""
        future: Future[T] = Future()
        self._calls.put((future, work))
        end = time.monotonic() + timeout
        while not future.done() and (left := end - time.monotonic()) > 0:
            wait([future], min(left, _LOOK))
        return future.result(0)

    def _work(self) -> None:
        while True:
            future, work = self._calls.get()
            try:
                answer = work()
            except BaseException as error:  # noqa: BLE001 - it is raised where it was asked for
                future.set_exception(error)
            else:
                future.set_result(answer)
