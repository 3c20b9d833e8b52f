"""What a Celery worker is made of, and who works in each of its processes."""

from __future__ import annotations

import sys
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from pypeline import __version__
from pypeline.bootstrap.broker import broker_name, require_transport
from pypeline.bootstrap.parts import (
    check_results,
    nothing,
    wire_engine,
    wire_executor,
    wire_registry,
    wire_threads,
)
from pypeline.bootstrap.publishing import published_by
from pypeline.config import Settings, find_config, load_config
from pypeline.engine.identity import Identity
from pypeline.engine.sweep import Sweeper, SweepPace
from pypeline.errors import DatabaseUnavailable
from pypeline.store.sql_store import SqlStore
from pypeline.tasks.attempts.capture import Capture
from pypeline.tasks.attempts.progress import ProgressReports
from pypeline.tasks.attempts.worker import NodeWorker
from pypeline.tasks.brokers.dispatch import CeleryDispatcher
from pypeline.tasks.limits.alarm import Alarm
from pypeline.tasks.limits.greenlets import GreenLimits
from pypeline.tasks.prefork.asking import ClaimReports, Flags
from pypeline.tasks.prefork.foreman import Foreman
from pypeline.tasks.workers.staff import Post, Role, Staff
from pypeline.tasks.workers.upkeep import Upkeep

if TYPE_CHECKING:
    from celery import Celery

    from pypeline.config import Config
    from pypeline.engine import Engine
    from pypeline.tasks.attempts.registry import Registry
    from pypeline.tasks.workers.staff import Hire


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
    require_transport(settings)
    check_results(settings)
    chosen = config or load_config(find_config(settings), env=settings.environment)
    sys.path.insert(0, str(chosen.folder))
    registry = wire_registry(settings, chosen)
    queues = chosen.queues(settings.worker_name, settings.default_queue)
    return CeleryWorker(
        chosen, registry, queues, settings.shutdown_grace, partial(_hire, app, settings, chosen, registry)
    )


def _hire(app: Celery, settings: Settings, config: Config, registry: Registry, post: Post) -> Staff:
    """Who works in a process of a Celery worker."""
    store = SqlStore(settings.database_url, app=settings.app_name)
    dispatcher = CeleryDispatcher(app)
    engine = wire_engine(settings, store, dispatcher, _worker_identity(app, settings, post))
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
            stack.enter_context(published_by(settings, engine, registry, config, app))
            progress = stack.enter_context(closing(ProgressReports(store.progress.note)))
            staff = _performers(settings, engine, registry, post, progress)
            stack.callback(staff.close)
        return replace(staff, close=stack.pop_all().close)


def _worker_identity(app: Celery, settings: Settings, post: Post) -> Identity:
    return Identity(
        post.worker_id,
        broker_name(settings, app),
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
    return Staff(None, upkeep, nothing, foreman=foreman, retire=partial(_retire, engine))


def _performers(
    settings: Settings, engine: Engine, registry: Registry, post: Post, progress: ProgressReports
) -> Staff:
    """Who performs attempts, and beats and sweeps where that is no parent's task."""
    if post.role is Role.CHILD:
        alarm = Alarm(post.crew.deadlines.slot(post.index))
        execute = wire_executor(
            settings, engine, registry, alarm, progress=progress, is_cancelled=Flags(engine.store).is_flagged
        )
        return Staff(NodeWorker(engine, execute, on_claim=ClaimReports(engine)), None, nothing)
    sweeper = Sweeper(engine, SweepPace.within(settings.lease))
    upkeep = Upkeep(engine.beat, sweeper.sweep, early=(sweeper.queue_due,))
    sweeper.on_delay = upkeep.expect
    if post.pool in ("gevent", "eventlet"):
        execute = wire_executor(settings, engine, registry, GreenLimits(post.pool), progress=progress)
        nodes, close = NodeWorker(engine, execute), nothing
    else:
        nodes, close = wire_threads(settings, engine, registry, progress=progress)
    return Staff(nodes, upkeep, close, retire=partial(_retire, engine))


def _retire(engine: Engine) -> None:
    with suppress(DatabaseUnavailable):  # its row is found silent, and forgotten in a day
        engine.retire()
