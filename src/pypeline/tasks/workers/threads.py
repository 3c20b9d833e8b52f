"""A pool of threads that a worker can leave behind."""

from __future__ import annotations

import logging
import threading
from itertools import count
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, TypeAlias

from celery.concurrency.base import BasePool, apply_target

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

_NUMBERS = count(1)

_Job: TypeAlias = "tuple[Any, ...]"


class DaemonPool(BasePool):
    """
    Celery's thread pool, but that a hanging handler does not hold up the end of the process.

    ``concurrent.futures`` joins its threads when the interpreter exits, whatever they do; these are daemons.
    They also carry the worker's application as the current one: several workers can live in a process.
    """

    body_can_be_buffer = True
    signal_safe = False
    task_join_will_block = False

    grace = 10.0
    """Seconds that `stop` waits for what runs."""

    left = 0
    """How many jobs still ran when that was over."""

    def on_start(self) -> None:
        """Start the threads."""
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._open = 0
        self._given_up: set[int] = set()
        self._change = threading.Condition()
        for _ in range(self.limit):
            self._add_thread()

    def give_up(self, thread: int) -> None:
        """Start a thread in place of one that is stuck, by its ident; should that one come back, it ends."""
        with self._change:
            self._given_up.add(thread)
            self._change.notify_all()
        self._add_thread()

    def on_apply(
        self,
        target: Callable[..., Any],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
        callback: Callable[..., Any] | None = None,
        accept_callback: Callable[..., Any] | None = None,
        **_: Any,
    ) -> None:
        """Have a thread call ``target``, as soon as one is free."""
        with self._change:
            self._open += 1
        self._jobs.put((target, args, kwargs, callback, accept_callback))

    def on_stop(self) -> None:
        """Drop what no thread has begun, and wait for the rest as long as ``grace`` says."""
        self._drop_waiting()
        with self._change:
            self._change.wait_for(lambda: self._open <= len(self._given_up), self.grace)
            self.left = self._open
        for _ in range(self.limit):
            self._jobs.put(None)
        if not self.left:
            for thread in self._threads:
                thread.join()

    on_terminate = on_stop

    def _drop_waiting(self) -> None:
        while not self._jobs.empty():
            try:
                self._jobs.get_nowait()
            except Empty:
                return
            self._close(1)

    def _add_thread(self) -> None:
        thread = threading.Thread(target=self._work, name=f"pypeline-{next(_NUMBERS)}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self) -> None:
        if self.app is not None:
            self.app.set_current()
        while not self._is_given_up() and (job := self._jobs.get()) is not None:
            try:
                apply_target(*job)
            except BaseException:  # a thread that ends here is a slot lost
                logger.exception("a task escaped its tracer")
            finally:
                self._close(1)

    def _is_given_up(self) -> bool:
        thread = threading.get_ident()
        if thread not in self._given_up:
            return False
        with self._change:
            self._given_up.discard(thread)
        return True

    def _close(self, jobs: int) -> None:
        with self._change:
            self._open -= jobs
            self._change.notify_all()
