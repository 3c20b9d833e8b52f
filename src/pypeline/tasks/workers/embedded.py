"""A real Celery worker inside this process."""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn, Self

from celery import Celery
from celery.exceptions import WorkerShutdown
from celery.worker import WorkController

from pypeline.errors import PypelineError
from pypeline.tasks.brokers.memory import MemoryBroker, memory_settings
from pypeline.tasks.workers.threads import DaemonPool

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

    from pypeline.tasks.attempts.worker import NodeWorker

logger = logging.getLogger(__name__)

_PREFETCH = 16
"""Messages held for each thread: there is no other worker to leave them to, and many at once cost less."""

_START_TIMEOUT = 10.0
_STOP_TIMEOUT = 5.0

_CHATTY = {
    "celery.app.trace": logging.WARNING,
    "celery.worker.consumer.connection": logging.WARNING,
    "celery.worker.strategy": logging.WARNING,
    "pypeline.tasks.attempts.telling": logging.CRITICAL,
}
"""
Loggers that write a line or two for each task, and their level here.

Making those lines costs more than a small task, and who runs pipelines in this process shows what failed.
"""


class WorkerFailed(PypelineError):  # noqa: N818 - names say what is wrong
    """The worker of this process did not start."""


def embedded_app(name: str = "pypeline") -> Celery:
    """A Celery application with a broker of its own inside this process."""
    app = Celery(name, set_as_current=False)
    # Not by a setting: Celery would prefer CELERY_RESULT_BACKEND of the environment.
    app.backend_cls = "disabled"
    app.conf.update(memory_settings(MemoryBroker()), worker_enable_remote_control=False)
    return app


class EmbeddedWorker:
    """
    Runs a Celery worker with threads while it is entered. ``app`` is made by `embedded_app`.

    It reads ``queues``, installs no signal handlers, and writes nothing but warnings. Leaving it lets what
    runs finish, for ``grace`` seconds. Then ``nodes`` gives back what still runs; threads whose handlers do
    not return are left behind, and end with the process.
    """

    def __init__(
        self,
        app: Celery,
        *,
        queues: Iterable[str],
        nodes: NodeWorker | None = None,
        concurrency: int = 4,
        grace: float = 10.0,
    ) -> None:
        self._app = app
        self._nodes = nodes
        self._queues = sorted(queues)
        self.concurrency = concurrency
        self._grace = grace
        self._stopped = True
        self._left = 0
        self._broker: MemoryBroker = app.conf.broker_transport_options["broker"]

    def __enter__(self) -> Self:
        self._quiet = _quiet_loggers()
        self._quiet.__enter__()
        try:
            self._start()
        except BaseException:
            self._quiet.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self, grace: float | None = None) -> int:
        """
        Take nothing more, let what runs finish within ``grace`` seconds, and end.

        Answers how many handlers still run. Safe to repeat.
        """
        if not self._stopped:
            self._stopped = True
            self._shut_down(self._grace if grace is None else grace)
        return self._left

    @property
    def is_idle(self) -> bool:
        """True while nothing waits for it, and nothing runs."""
        return self._broker.is_idle()

    @property
    def queues(self) -> tuple[str, ...]:
        """The queues that it reads now, by name."""
        return tuple(sorted(self._queues))

    def read(self, queues: Iterable[str]) -> None:
        """Read these queues too. Safe to call from any thread, and for queues that it reads already."""
        for queue in set(queues).difference(self._queues):
            self._queues.append(queue)
            # Its state is not made for two threads: it does this in its own.
            self._worker.consumer.call_soon(self._worker.consumer.add_task_queue, queue)
        self._broker.ring()

    def _start(self) -> None:
        self._stopped = False
        self._ready = threading.Event()
        self._worker = self._build()
        self._pool: DaemonPool = self._worker.pool
        if self._nodes is not None:
            self._nodes.on_stuck = self._pool.give_up
        self._thread = threading.Thread(target=self._run, name="pypeline-worker", daemon=True)
        self._thread.start()
        if not self._ready.wait(_START_TIMEOUT) or not self._thread.is_alive():
            raise WorkerFailed("the worker inside this process did not start; the log says why")

    def _build(self) -> Any:
        return WorkController(
            app=self._app,
            hostname=f"embedded-{id(self):x}@localhost",
            pool=DaemonPool,
            concurrency=self.concurrency,
            prefetch_multiplier=_PREFETCH,
            queues=self._queues,
            ready_callback=lambda _: self._ready.set(),
            loglevel=logging.WARNING,
            task_events=False,
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
        )

    def _run(self) -> None:
        self._app.set_current()
        try:
            self._worker.start()
        finally:
            self._ready.set()

    def _shut_down(self, grace: float) -> None:
        if self._nodes is not None:
            self._nodes.stop()
        try:
            self._end_worker(grace)
        finally:
            if self._nodes is not None:
                self._nodes.leave()
            self._quiet.__exit__(None, None, None)

    def _end_worker(self, grace: float) -> None:
        self._pool.grace = grace
        # It ends in its own thread: its state is not made for two. (The flags in celery.worker.state would
        # end every worker of the process.)
        self._worker.consumer.call_soon(_raise_shutdown)
        self._broker.ring()
        self._thread.join(grace + _STOP_TIMEOUT)
        self._left = self._pool.left
        if self._left:
            logger.warning(
                "handlers that did not return within %g s and are left behind: %s", grace, self._left
            )


def _raise_shutdown() -> NoReturn:
    raise WorkerShutdown(0)


@contextmanager
def _quiet_loggers() -> Iterator[None]:
    """Raise the level of Celery's chatty loggers, but of those that the user has set."""
    levels = {logging.getLogger(name): level for name, level in _CHATTY.items()}
    raised = [chatty for chatty in levels if chatty.level == logging.NOTSET]
    for chatty in raised:
        chatty.setLevel(levels[chatty])
    try:
        yield
    finally:
        for chatty in raised:
            chatty.setLevel(logging.NOTSET)
