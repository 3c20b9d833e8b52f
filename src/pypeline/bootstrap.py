"""Wiring: the only place that chooses classes."""

from __future__ import annotations

import os
import socket
import sys
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit, urlunsplit

from pypeline.config import Settings, find_config, importable, load_config, plan_from_document
from pypeline.errors import MissingExtra

try:
    from pypeline.application import Application, owners
    from pypeline.engine import Engine
    from pypeline.engine.engine import Identity
    from pypeline.engine.sweep import Sweeper, SweepPace
    from pypeline.store import schema
    from pypeline.store.sql_store import SqlStore, opened
    from pypeline.tasks.capture import Capture
    from pypeline.tasks.dispatch import CeleryDispatcher
    from pypeline.tasks.embedded import EmbeddedWorker, embedded_app
    from pypeline.tasks.execution import Executor
    from pypeline.tasks.generate import generate_tasks
    from pypeline.tasks.process import Staff
    from pypeline.tasks.registry import Registry
    from pypeline.tasks.timeouts import Watchdog
    from pypeline.tasks.upkeep import Upkeep
    from pypeline.tasks.worker import NodeWorker
except ModuleNotFoundError as error:
    raise MissingExtra("Running pipelines", "workers") from error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType

    from celery import Celery

    from pypeline.config import Config
    from pypeline.engine import Work
    from pypeline.store.schema import SchemaLevel


class System:
    """
    The parts of one process, wired: ``application`` for doors, ``engine`` and ``store`` beneath it.

    It is a context manager; leaving it closes the store. This version runs handlers embedded: `worker` in the
    process that starts the run.
    """

    def __init__(self, settings: Settings, config: Config | None = None) -> None:
        self._settings = settings
        self._config = config
        self._celery = embedded_app()
        self.store = SqlStore(settings.database_url, app=settings.app_name)
        owner = owners.new_owner()
        self.engine = _engine(settings, self.store, self._celery, Identity(owners.describe(owner), owner))
        self.application = Application(self.engine, config)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the store."""
        self.store.close()

    @contextmanager
    def worker(self, queues: Iterable[str] = (), *, concurrency: int = 4) -> Iterator[EmbeddedWorker]:
        """
        A Celery worker inside this process, with that many threads, while the context lasts.

        It reads ``queues`` and those of the configuration's pipelines, and has the configuration's handlers.
        """
        assert self._config is not None, "handlers come from a configuration"  # noqa: S101 - by the caller
        config, registry = self._config, _registry(self._settings, self._config)
        every = {*queues, *(queue for name in config.pipelines for queue in config.plan(name).queues)}
        with importable(config.folder), ExitStack() as stack:
            stack.callback(registry.toolbox.close)
            staff = _staff(self._settings, self.engine, registry, limit_threads=True)
            generate_tasks(self._celery, registry, staff.nodes.perform)
            worker = EmbeddedWorker(self._celery, queues=every, nodes=staff.nodes, concurrency=concurrency)
            stack.callback(staff.close)
            stack.enter_context(Capture())
            stack.enter_context(staff.upkeep)
            yield stack.enter_context(worker)


def build(settings: Settings, config: Config | None = None) -> System:
    """
    The system of this process.

    Without a configuration, runs can be looked at and cancelled. Raises DatabaseUnavailable, SchemaNotReady.
    """
    settings.require_database()
    return System(settings, config)


def celery_worker(app: Celery, config: Config | None = None) -> tuple[Registry, Callable[[], Staff]]:
    """
    The handlers that a Celery worker of ``app`` has, and how each of its processes gets its staff.

    ``config`` is by default the one that the settings name.
    """
    settings = Settings.load()
    settings.require_database()
    chosen = config or load_config(find_config(settings), env=settings.environment)
    sys.path.insert(0, str(chosen.folder))
    registry = _registry(settings, chosen)
    return registry, partial(_hire, app, settings, registry)


def upgrade_database(settings: Settings) -> SchemaLevel:
    """Bring the database to the schema of this code; answers its level. Raises DatabaseUnavailable."""
    with opened(settings.database_url) as engine:
        schema.upgrade(engine)
        return schema.schema_level(engine)


def database_level(settings: Settings) -> SchemaLevel:
    """The level that the database is at; 0 where it is empty. Raises DatabaseUnavailable."""
    with opened(settings.database_url) as engine:
        return schema.schema_level(engine)


def _engine(settings: Settings, store: SqlStore, app: Celery, identity: Identity) -> Engine:
    return Engine(
        store,
        CeleryDispatcher(app),
        identity=identity,
        load_plan=partial(plan_from_document, env=settings.environment),
        lease=settings.lease,
    )


def _registry(settings: Settings, config: Config) -> Registry:
    return Registry(config.handlers(settings.worker_name), config.tools)


def _staff(settings: Settings, engine: Engine, registry: Registry, *, limit_threads: bool) -> Staff:
    """
    Who performs attempts in this process, and who mends.

    ``limit_threads``: attempts are threads, in which nobody but our own watchdog enforces time limits.
    """
    # A retry that is due soon is expected then: the pace must not refuse that early round.
    pace = SweepPace(interval=0.04) if limit_threads else SweepPace()
    upkeep = Upkeep(engine.beat, Sweeper(engine, pace).sweep)
    # The node worker needs the executor, which needs the watchdog, which reports to the node worker.
    watchdog: Watchdog[Work] | None = (
        Watchdog(lambda work: nodes.expire(work)) if limit_threads else None  # noqa: PLW0108
    )
    execute = Executor(
        registry,
        engine.store,
        result_limit=settings.result_limit,
        is_cancelled=engine.is_flagged,
        watchdog=watchdog,
    )
    nodes = NodeWorker(engine, execute, on_delay=upkeep.expect)
    return Staff(nodes, upkeep, watchdog.close if watchdog else _nothing)


def _hire(app: Celery, settings: Settings, registry: Registry) -> Staff:
    store = SqlStore(settings.database_url, app=settings.app_name)
    identity = Identity(f"{socket.gethostname()}:{os.getpid()}", _broker_name(settings))
    engine = _engine(settings, store, app, identity)
    staff = _staff(settings, engine, registry, limit_threads=False)
    capture = Capture()
    capture.install()

    def close() -> None:
        capture.uninstall()
        store.close()

    return Staff(staff.nodes, staff.upkeep, close)


def _broker_name(settings: Settings) -> str:
    """The broker without its user and password: runs of all its workers carry this name."""
    parts = urlsplit(settings.broker_url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _nothing() -> None:
    """Close nothing."""
