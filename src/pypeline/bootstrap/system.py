"""The system of a process that is a door, or that runs its handlers itself."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Self

from pypeline import __version__
from pypeline.application import Application, owners
from pypeline.application.outbox import Outbox
from pypeline.bootstrap.broker import broker_name, client_app
from pypeline.bootstrap.parts import check_results, wire_engine, wire_registry, wire_results, wire_threads
from pypeline.bootstrap.publishing import published_by
from pypeline.config import importable
from pypeline.engine.identity import Identity
from pypeline.engine.sweep import Sweeper, SweepPace
from pypeline.store.sql_store import SqlStore
from pypeline.tasks.attempts.capture import Capture
from pypeline.tasks.attempts.progress import ProgressReports
from pypeline.tasks.brokers.dispatch import CeleryDispatcher
from pypeline.tasks.generate import generate_tasks
from pypeline.tasks.workers.embedded import EmbeddedWorker, embedded_app
from pypeline.tasks.workers.staff import worker_id
from pypeline.tasks.workers.upkeep import Upkeep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType

    from pypeline.config import Config, Settings
    from pypeline.engine import Engine
    from pypeline.tasks.attempts.registry import Registry
    from pypeline.tasks.attempts.worker import NodeWorker


class System:
    """
    The parts of one process, wired: ``application`` for doors, ``engine`` and ``store`` beneath it.

    It is a context manager; leaving it closes them. Where a broker is set, its workers run the handlers; else
    a `worker` inside this process does. ``outbox`` tells whether the broker took what was sent last.
    """

    def __init__(self, settings: Settings, config: Config | None = None, *, patient: bool = True) -> None:
        self._settings = settings
        self._config = config
        self._celery = embedded_app() if settings.embedded else client_app(settings)
        self._dispatcher = CeleryDispatcher(self._celery)
        self.store = SqlStore(settings.database_url, app=settings.app_name, patient=patient)
        self.outbox = Outbox(self._dispatcher)
        self.engine = wire_engine(settings, self.store, self.outbox, _identity(settings))
        self.application = self._application()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def is_configured(self) -> bool:
        """True where it has a configuration."""
        return self._config is not None

    def configure(self, config: Config) -> None:
        """Give it the configuration that it was built without."""
        self._config = config
        self.application = self._application()

    def close(self) -> None:
        """Close the store, and the line to the broker."""
        self._dispatcher.close()
        self.store.close()

    @contextmanager
    def worker(self, queues: Iterable[str] = (), *, concurrency: int = 4) -> Iterator[EmbeddedWorker]:
        """
        A Celery worker for embedded runs in this process, with that many threads, while the context lasts.

        It reads ``queues`` and those of the configuration's pipelines, and has the configuration's handlers.
        """
        assert self._config is not None, "handlers come from a configuration"  # noqa: S101 - by the caller
        check_results(self._settings)
        config, registry = self._config, wire_registry(self._settings, self._config)
        every = {*queues, *(queue for name in config.pipelines for queue in config.plan(name).queues)}
        with importable(config.folder), ExitStack() as stack:
            stack.callback(registry.toolbox.close)
            progress = stack.enter_context(closing(ProgressReports(self.store.progress.note)))

            def introduce() -> None:
                self._introduce(worker)

            nodes, upkeep, close = _embedded_staff(self._settings, self.engine, registry, progress, introduce)
            generate_tasks(self._celery, registry, nodes.perform)
            worker = EmbeddedWorker(self._celery, queues=every, nodes=nodes, concurrency=concurrency)
            stack.callback(close)
            stack.enter_context(self._publishing(config, registry, worker))
            stack.enter_context(Capture())
            stack.enter_context(upkeep)
            pid = os.getpid()
            try:
                yield stack.enter_context(worker)
            finally:
                if os.getpid() != pid:
                    # A child that was forked off has none of these threads: the parent ends them.
                    stack.pop_all()

    def _publishing(
        self, config: Config, registry: Registry, worker: EmbeddedWorker
    ) -> AbstractContextManager[None]:
        """Nobody but the worker of this process can do what is published in it."""

        def before(task_path: str, queue: str) -> None:
            registry.resolve(task_path)
            worker.read((queue,))

        return published_by(self._settings, self.engine, registry, config, self._celery, before=before)

    def _introduce(self, worker: EmbeddedWorker) -> None:
        """Let the next beat say what the worker of this process is; queues are added while it runs."""
        self.engine.identity = replace(
            self.engine.identity,
            queues=worker.queues,
            service=self._settings.worker_name,
            pool="threads",
            concurrency=worker.concurrency,
            version=__version__,
        )

    def _application(self) -> Application:
        return Application(self.engine, self._config, self._settings, large=wire_results(self._settings))


def build(settings: Settings, config: Config | None = None, *, patient: bool = True) -> System:
    """
    The system of this process.

    Without a configuration, runs can be looked at and cancelled. One that is not ``patient`` gives up a
    database that says nothing within 2 seconds. Raises DatabaseUnavailable, SchemaNotReady.
    """
    settings.require_database()
    return System(settings, config, patient=patient)


def _identity(settings: Settings) -> Identity:
    """A process that works for nobody else: its own broker where it is embedded."""
    if settings.embedded:
        owner = owners.new_owner()
        return Identity(owners.describe(owner), owner)
    return Identity(worker_id(os.getpid()), broker_name(settings))


def _embedded_staff(
    settings: Settings,
    engine: Engine,
    registry: Registry,
    progress: ProgressReports,
    introduce: Callable[[], None],
) -> tuple[NodeWorker, Upkeep, Callable[[], None]]:
    """Who performs attempts inside this process, who beats and mends, and what closes their watchdog."""
    # A retry that is due soon is expected then: the pace must not refuse that early round.
    pace = SweepPace.within(settings.lease, interval=0.04)
    upkeep = Upkeep(introduce, engine.beat, Sweeper(engine, pace).sweep)
    nodes, close = wire_threads(settings, engine, registry, progress=progress, on_delay=upkeep.expect)
    return nodes, upkeep, close
