"""Celery's signals in the life of a worker."""

from __future__ import annotations

import gc
import logging
import os
import time
from typing import TYPE_CHECKING, Any

from billiard.process import current_process
from celery import bootsteps, signals
from celery.worker import state

from pypeline.errors import PypelineError
from pypeline.tasks.prefork.orphans import die_with
from pypeline.tasks.workers.pools import pool_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from celery import Celery

    from pypeline.tasks.workers.process import PerProcess

logger = logging.getLogger(__name__)

_CANNOT_WORK = 2


def attach(
    app: Celery,
    staff: PerProcess,
    *,
    grace: float = 30.0,
    on_select: Callable[[], None] | None = None,
    on_start: Callable[[], None] | None = None,
) -> None:
    """
    Begin and end the staff with the worker processes of an application.

    Its main process has one too: somebody must mend also while no message comes. ``grace`` is how long a
    worker that is to end waits for what runs. Before a worker selects its queues ``on_select`` is called,
    before it makes its pool ``on_start``.
    """
    hooks = _Hooks(app, staff, grace)
    hooks.connect(signals.celeryd_init, lambda **_: on_select and on_select())
    hooks.connect(signals.worker_init, lambda **_: on_start and on_start())
    hooks.connect(signals.worker_init, hooks.prepare)
    hooks.connect(signals.worker_ready, hooks.begin)
    hooks.connect(signals.worker_process_init, hooks.begin_child)
    hooks.connect(signals.worker_shutting_down, hooks.finish)
    hooks.connect(signals.worker_shutdown, hooks.end)
    app.steps["worker"].add(_close_with(hooks))
    hooks.connect(signals.worker_process_shutdown, hooks.end)


class _Hooks:
    def __init__(self, app: Celery, staff: PerProcess, grace: float) -> None:
        self._app = app
        self._staff = staff
        self._grace = grace
        self._asked = False

    def connect(self, signal: Any, receive: Callable[..., object]) -> None:
        def receive_ours(sender: Any = None, instance: Any = None, **more: Any) -> None:
            # Of some signals the sender is a name; a process then serves one application only.
            if getattr(instance or sender, "app", self._app) is self._app:
                receive(sender=sender, **more)

        signal.connect(receive_ours, weak=False)

    def prepare(self, sender: Any, **_: Any) -> None:
        """The main process, before the pool."""
        self._staff.prepare(pool_name(sender.pool_cls))
        # What is loaded by now stays: no collection need look at it again, and children share its pages.
        gc.collect()
        gc.freeze()

    def begin(self, sender: Any = None, **_: Any) -> None:
        """The main process, connected to the broker. It ends where it cannot beat and mend."""
        queues: Any = self._app.amqp.queues
        concurrency = getattr(getattr(sender, "pool", None), "limit", None) or 1
        try:
            self._staff.begin_main(
                queues=tuple(sorted(queues.consume_from)), concurrency=concurrency, pause=_pause
            )
        except Exception as error:
            # Celery would write it down and go on.
            logger.critical("the worker ends: %s", error, exc_info=not isinstance(error, PypelineError))
            raise SystemExit(_CANNOT_WORK) from error

    def begin_child(self, **_: Any) -> None:
        """A child of a pool; the solo pool says the same of the main process."""
        if self._staff.main == os.getpid():
            return
        # A child that was not forked has no memory of its parent.
        parent = self._staff.main or os.getppid()
        die_with(parent)
        self._staff.begin_child(parent=parent, index=getattr(current_process(), "index", 0))

    def finish(self, how: str = "Warm", **_: Any) -> None:
        """A signal has asked the worker to end."""
        self._asked = True
        self._staff.finish(self._grace if how == "Warm" else 0.0)

    def close(self, worker: Any) -> None:
        """The worker ends, however that came."""
        self._staff.finish(self._grace)
        if self._asked:
            worker.exitcode = 0  # to Celery Ctrl-C is a failure, unlike the other signals

    def end(self, **_: Any) -> None:
        """The process ends."""
        self._staff.end()


def _close_with(hooks: _Hooks) -> type[bootsteps.StartStopStep]:
    """A step of the worker that sees it end however that comes: only of signals is the main process told."""

    class Close(bootsteps.StartStopStep):
        def close(self, worker: Any) -> None:
            hooks.close(worker)

    return Close


def _pause(seconds: float) -> None:
    """Sleep, unless the worker is to end: this is its main thread."""
    time.sleep(seconds)
    state.maybe_shutdown()
