"""Wiring: the only place that chooses classes."""

from __future__ import annotations

import os
import socket
import sys
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit, urlunsplit

from pypeline import __version__
from pypeline.config import Settings, find_config, importable, load_config, plan_from_document
from pypeline.errors import (
    ConfigurationNotFound,
    DatabaseUnavailable,
    InvalidConfiguration,
    MissingExtra,
    SchemaNotReady,
)

try:
    from celery import Celery

    from pypeline.application import Application, owners
    from pypeline.application.facts import DatabaseFacts, Facts
    from pypeline.application.judging import judge, longest_limit, queue_names
    from pypeline.application.outbox import Outbox
    from pypeline.engine import Engine
    from pypeline.engine.engine import Identity
    from pypeline.engine.sweep import Sweeper, SweepPace
    from pypeline.store import schema
    from pypeline.store.sql_store import SqlStore, is_missing_file, opened, shown_url
    from pypeline.tasks.alarm import Alarm
    from pypeline.tasks.asking import ClaimReports, Flags
    from pypeline.tasks.broker_report import examine
    from pypeline.tasks.capture import Capture
    from pypeline.tasks.configure import configure_celery, hold_messages
    from pypeline.tasks.dispatch import CeleryDispatcher
    from pypeline.tasks.embedded import EmbeddedWorker, embedded_app
    from pypeline.tasks.execution import Executor
    from pypeline.tasks.foreman import Foreman
    from pypeline.tasks.generate import generate_tasks
    from pypeline.tasks.greenlets import GreenLimits
    from pypeline.tasks.pools import POOLS
    from pypeline.tasks.registry import Registry
    from pypeline.tasks.staff import Post, Role, Staff
    from pypeline.tasks.timeouts import Watchdog
    from pypeline.tasks.upkeep import Upkeep
    from pypeline.tasks.worker import NodeWorker
except ModuleNotFoundError as error:
    raise MissingExtra("Running pipelines", "workers") from error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path
    from types import TracebackType

    from pypeline.application.checks import Checkup
    from pypeline.config import Config
    from pypeline.engine import Work
    from pypeline.engine.dispatcher import Dispatcher
    from pypeline.store.schema import SchemaLevel
    from pypeline.tasks.staff import Hire
    from pypeline.tasks.timeouts import Limits


_BROKER_CLIENTS = {
    "redis": ("redis", "redis"),
    "rediss": ("redis", "redis"),
    "confluentkafka": ("confluent_kafka", "kafka"),
}
"""The package that a broker needs, by the scheme of its URL, and the extra that brings it."""


class System:
    """
    The parts of one process, wired: ``application`` for doors, ``engine`` and ``store`` beneath it.

    It is a context manager; leaving it closes them. Where a broker is set, its workers run the handlers; else
    a `worker` inside this process does. ``outbox`` tells whether the broker took what was sent last.
    """

    def __init__(self, settings: Settings, config: Config | None = None) -> None:
        self._settings = settings
        self._config = config
        self._celery = embedded_app() if settings.embedded else _client_app(settings)
        self._dispatcher = CeleryDispatcher(self._celery)
        self.store = SqlStore(settings.database_url, app=settings.app_name)
        self.outbox = Outbox(self._dispatcher)
        self.engine = _engine(settings, self.store, self.outbox, _identity(settings))
        self.application = Application(self.engine, config)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

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
        config, registry = self._config, _registry(self._settings, self._config)
        every = {*queues, *(queue for name in config.pipelines for queue in config.plan(name).queues)}
        with importable(config.folder), ExitStack() as stack:
            stack.callback(registry.toolbox.close)
            nodes, upkeep, close = _embedded_staff(self._settings, self.engine, registry)
            generate_tasks(self._celery, registry, nodes.perform)
            worker = EmbeddedWorker(self._celery, queues=every, nodes=nodes, concurrency=concurrency)
            stack.callback(close)
            stack.enter_context(Capture())
            stack.enter_context(upkeep)
            yield stack.enter_context(worker)


def build(settings: Settings, config: Config | None = None) -> System:
    """
    The system of this process.

    Without a configuration, runs can be looked at and cancelled. Raises DatabaseUnavailable, SchemaNotReady.
    """
    settings.require_database()
    return System(settings, config)


@dataclass(frozen=True, slots=True)
class CeleryWorker:
    """
    What a Celery worker is made of: its handlers, the queues that those need, and who works in each process.

    ``grace`` is how many seconds a worker that is to end waits for what runs.
    """

    config: Config
    registry: Registry
    queues: tuple[str, ...]
    grace: float
    hire: Hire


def celery_worker(app: Celery, config: Config | None = None) -> CeleryWorker:
    """
    What a Celery worker of ``app`` is made of; ``config`` is by default the one that the settings name.

    Raises InvalidSetting where the configuration has no service of the name that WORKER_NAME says.
    """
    settings = Settings.load()
    settings.require_database()
    chosen = config or load_config(find_config(settings), env=settings.environment)
    sys.path.insert(0, str(chosen.folder))
    registry = _registry(settings, chosen)
    queues = chosen.queues(settings.worker_name, settings.default_queue)
    return CeleryWorker(
        chosen, registry, queues, settings.shutdown_grace, partial(_hire, app, settings, registry)
    )


def upgrade_database(settings: Settings) -> SchemaLevel:
    """Bring the database to the schema of this code; answers its level. Raises DatabaseUnavailable."""
    with opened(settings.database_url) as engine:
        schema.upgrade(engine)
        return schema.schema_level(engine)


def database_level(settings: Settings) -> SchemaLevel:
    """The level that the database is at; 0 where it is empty. Raises DatabaseUnavailable."""
    with opened(settings.database_url) as engine:
        return schema.schema_level(engine)


def examine_installation(settings: Settings, config: Path | None = None) -> Checkup:
    """
    Look at configuration, database, broker, queues and workers, change nothing, and say what to do.

    ``config`` is where the configuration is, by default where the settings say. What is away is a finding.
    """
    settings.require_database()
    loaded, faults = _read_config(settings, config)
    facts = Facts(
        app=settings.app_name,
        version=__version__,
        lease=settings.lease,
        default_queue=settings.default_queue,
        database=_database_facts(settings),
        config=loaded,
        faults=faults,
        weak_pools={name: pool.remark for name, pool in POOLS.items() if not pool.hard_limits},
    )
    if settings.embedded:
        return judge(facts)
    longest = longest_limit(loaded)
    client = hold_messages(_client_app(settings), longest)
    return judge(replace(facts, broker=examine(client, queue_names(facts), longest=longest)))


def _read_config(settings: Settings, path: Path | None) -> tuple[Config | None, tuple[str, ...]]:
    try:
        return load_config(find_config(settings, path), env=settings.environment), ()
    except InvalidConfiguration as error:
        return None, tuple(map(str, error.findings))
    except ConfigurationNotFound as error:
        return None, (str(error),)


def _database_facts(settings: Settings) -> DatabaseFacts:
    shown = shown_url(settings.database_url)
    if is_missing_file(settings.database_url):
        return DatabaseFacts(f"{shown} is not there yet: the first run creates it")
    try:
        with SqlStore(settings.database_url, app=settings.app_name) as store:
            broker = _broker_name(settings)
            return DatabaseFacts(
                shown,
                level=database_level(settings).level,
                ahead=(datetime.now(UTC) - store.clock()).total_seconds(),
                workers=[] if settings.embedded else store.workers(broker),
                queues=[] if settings.embedded else store.queues(broker),
            )
    except DatabaseUnavailable as error:
        return DatabaseFacts(shown, answers=False, error=str(error))
    except SchemaNotReady as error:
        return DatabaseFacts(shown, error=str(error))


def _client_app(settings: Settings) -> Celery:
    """An application that sends to the broker of the settings, and runs nothing. Raises MissingExtra."""
    scheme = urlsplit(settings.broker_url).scheme
    package, extra = _BROKER_CLIENTS.get(scheme, (None, ""))
    if package is not None and find_spec(package) is None:
        raise MissingExtra(f"A broker at {scheme}://", extra)
    return configure_celery(Celery("pypeline", set_as_current=False), settings)


def _identity(settings: Settings) -> Identity:
    """A process that works for nobody else: its own broker where it is embedded."""
    if settings.embedded:
        owner = owners.new_owner()
        return Identity(owners.describe(owner), owner)
    return Identity(f"{socket.gethostname()}:{os.getpid()}", _broker_name(settings))


def _engine(settings: Settings, store: SqlStore, dispatcher: Dispatcher, identity: Identity) -> Engine:
    return Engine(
        store,
        dispatcher,
        identity=identity,
        load_plan=partial(plan_from_document, env=settings.environment),
        lease=settings.lease,
    )


def _registry(settings: Settings, config: Config) -> Registry:
    name = settings.worker_name
    handlers = config.handlers(name)
    return Registry(handlers, config.tools, worker=f"worker {name}" if name else "this worker")


def _embedded_staff(
    settings: Settings, engine: Engine, registry: Registry
) -> tuple[NodeWorker, Upkeep, Callable[[], None]]:
    """Who performs attempts inside this process, who beats and mends, and what closes their watchdog."""
    # A retry that is due soon is expected then: the pace must not refuse that early round.
    pace = SweepPace.within(settings.lease, interval=0.04)
    upkeep = Upkeep(engine.beat, Sweeper(engine, pace).sweep)
    nodes, close = _threads(settings, engine, registry, on_delay=upkeep.expect)
    return nodes, upkeep, close


def _hire(app: Celery, settings: Settings, registry: Registry, post: Post) -> Staff:
    """Who works in a process of a Celery worker."""
    store = SqlStore(settings.database_url, app=settings.app_name)
    dispatcher = CeleryDispatcher(app)
    engine = _engine(settings, store, dispatcher, _worker_identity(settings, post))
    with ExitStack() as stack:
        stack.callback(store.close)
        stack.callback(dispatcher.close)
        if post.role is Role.PARENT:
            staff = _parent(settings, engine, post)
        else:
            capture = Capture()
            capture.install()
            stack.callback(capture.uninstall)
            stack.callback(registry.toolbox.close)
            staff = _performers(settings, engine, registry, post)
            stack.callback(staff.close)
        return replace(staff, close=stack.pop_all().close)


def _worker_identity(settings: Settings, post: Post) -> Identity:
    return Identity(
        post.worker_id,
        _broker_name(settings),
        post.queues,
        service=settings.worker_name,
        pool=post.pool,
        concurrency=post.concurrency,
        version=__version__,
    )


def _parent(settings: Settings, engine: Engine, post: Post) -> Staff:
    """Who answers for the children of a prefork pool."""
    foreman = Foreman(engine, post.crew, cancel_grace=settings.cancel_grace)
    sweeper = Sweeper(engine, SweepPace.within(settings.lease))
    upkeep = Upkeep(
        foreman.settle,
        foreman.beat,
        foreman.supervise,
        sweeper.sweep,
        early=(foreman.settle, sweeper.queue_due),
    )
    foreman.on_delay = sweeper.on_delay = upkeep.expect
    return Staff(None, upkeep, _nothing, foreman=foreman, retire=partial(_retire, engine))


def _performers(settings: Settings, engine: Engine, registry: Registry, post: Post) -> Staff:
    """Who performs attempts, and beats and sweeps where that is no parent's task."""
    if post.role is Role.CHILD:
        alarm = Alarm(post.crew.deadlines.slot(post.index))
        execute = _executor(settings, engine, registry, alarm, is_cancelled=Flags(engine.store).is_flagged)
        return Staff(NodeWorker(engine, execute, on_claim=ClaimReports(engine)), None, _nothing)
    sweeper = Sweeper(engine, SweepPace.within(settings.lease))
    upkeep = Upkeep(engine.beat, sweeper.sweep, early=(sweeper.queue_due,))
    sweeper.on_delay = upkeep.expect
    if post.pool in ("gevent", "eventlet"):
        execute = _executor(settings, engine, registry, GreenLimits(post.pool))
        nodes, close = NodeWorker(engine, execute), _nothing
    else:
        nodes, close = _threads(settings, engine, registry)
    return Staff(nodes, upkeep, close, retire=partial(_retire, engine))


def _threads(
    settings: Settings,
    engine: Engine,
    registry: Registry,
    *,
    on_delay: Callable[[float], None] | None = None,
) -> tuple[NodeWorker, Callable[[], None]]:
    """Where attempts are threads, nobody but our own watchdog enforces time limits."""
    # The node worker needs the executor, which needs the watchdog, which reports to the node worker.
    watchdog: Watchdog[Work] = Watchdog(lambda work: nodes.expire(work))  # noqa: PLW0108
    nodes = NodeWorker(engine, _executor(settings, engine, registry, watchdog), on_delay=on_delay)
    return nodes, watchdog.close


def _executor(
    settings: Settings,
    engine: Engine,
    registry: Registry,
    limits: Limits,
    *,
    is_cancelled: Callable[[str], bool] | None = None,
) -> Executor:
    return Executor(
        registry,
        engine.store,
        result_limit=settings.result_limit,
        is_cancelled=is_cancelled or engine.is_flagged,
        limits=limits,
    )


def _retire(engine: Engine) -> None:
    with suppress(DatabaseUnavailable):  # its row is found silent, and forgotten in a day
        engine.retire()


def _broker_name(settings: Settings) -> str:
    """The broker without its user and password: runs of all its workers carry this name."""
    parts = urlsplit(settings.broker_url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _nothing() -> None:
    """Nothing is to be closed."""
