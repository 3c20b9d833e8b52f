"""The parts that every process with handlers is wired from."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pypeline.config import plan_from_document
from pypeline.engine import Engine
from pypeline.tasks.attempts.execution import Executor
from pypeline.tasks.attempts.registry import Registry
from pypeline.tasks.attempts.worker import NodeWorker
from pypeline.tasks.limits.timeouts import Watchdog

if TYPE_CHECKING:
    from collections.abc import Callable

    from pypeline.config import Config, Settings
    from pypeline.engine import Work
    from pypeline.engine.dispatcher import Dispatcher
    from pypeline.engine.engine import Identity
    from pypeline.store.sql_store import SqlStore
    from pypeline.tasks.limits.timeouts import Limits


def wire_engine(settings: Settings, store: SqlStore, dispatcher: Dispatcher, identity: Identity) -> Engine:
    """The engine of a process that works as ``identity``."""
    return Engine(
        store,
        dispatcher,
        identity=identity,
        load_plan=partial(plan_from_document, env=settings.environment),
        lease=settings.lease,
    )


def wire_registry(settings: Settings, config: Config) -> Registry:
    """The handlers and tools of the service that the settings name, or of all."""
    name = settings.worker_name
    handlers = config.handlers(name)
    return Registry(handlers, config.tools, worker=f"worker {name}" if name else "this worker")


def wire_threads(
    settings: Settings,
    engine: Engine,
    registry: Registry,
    *,
    on_delay: Callable[[float], None] | None = None,
) -> tuple[NodeWorker, Callable[[], None]]:
    """Where attempts are threads, nobody but our own watchdog enforces time limits."""
    # The node worker needs the executor, which needs the watchdog, which reports to the node worker.
    watchdog: Watchdog[Work] = Watchdog(lambda work: nodes.expire(work))  # noqa: PLW0108
    nodes = NodeWorker(engine, wire_executor(settings, engine, registry, watchdog), on_delay=on_delay)
    return nodes, watchdog.close


def wire_executor(
    settings: Settings,
    engine: Engine,
    registry: Registry,
    limits: Limits,
    *,
    is_cancelled: Callable[[str], bool] | None = None,
) -> Executor:
    """Who calls the handlers of ``registry``, each within its time limit."""
    return Executor(
        registry,
        engine.store,
        result_limit=settings.result_limit,
        is_cancelled=is_cancelled or engine.is_flagged,
        limits=limits,
    )


def nothing() -> None:
    """Nothing is to be closed."""
