"""The parts that every process with handlers is wired from."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pypeline.config import plan_from_document
from pypeline.engine import Engine
from pypeline.results import ResultStore
from pypeline.tasks.attempts.execution import Executor
from pypeline.tasks.attempts.registry import Registry
from pypeline.tasks.attempts.worker import NodeWorker
from pypeline.tasks.limits.timeouts import SoftTimeLimit, Watchdog

if TYPE_CHECKING:
    from collections.abc import Callable

    from pypeline.config import Config, Settings
    from pypeline.engine import Work
    from pypeline.engine.dispatcher import Dispatcher
    from pypeline.engine.identity import Identity
    from pypeline.store.sql_store import SqlStore
    from pypeline.tasks.attempts.progress import ProgressReports
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
    worker = f"worker {name}" if name else "this worker"
    return Registry(handlers, config.tools, worker=worker, folder=config.folder)


def wire_threads(
    settings: Settings,
    engine: Engine,
    registry: Registry,
    *,
    progress: ProgressReports,
    on_delay: Callable[[float], None] | None = None,
) -> tuple[NodeWorker, Callable[[], None]]:
    """Where attempts are threads, nobody but our own watchdog enforces time limits."""
    # The node worker needs the executor, which needs the watchdog, which reports to the node worker.
    watchdog: Watchdog[Work] = Watchdog(lambda work: nodes.expire(work))  # noqa: PLW0108
    execute = wire_executor(settings, engine, registry, watchdog, progress=progress)
    nodes = NodeWorker(engine, execute, on_delay=on_delay)
    return nodes, watchdog.close


def wire_executor(
    settings: Settings,
    engine: Engine,
    registry: Registry,
    limits: Limits,
    *,
    progress: ProgressReports,
    is_cancelled: Callable[[str], bool] | None = None,
) -> Executor:
    """Who calls the handlers of ``registry``, each within its time limit."""
    return Executor(
        registry,
        engine.store,
        result_limit=settings.result_limit,
        large=wire_results(settings),
        is_cancelled=is_cancelled or engine.is_flagged,
        limits=limits,
        progress=progress,
        environment=settings.environment,
    )


def wire_results(settings: Settings) -> ResultStore | None:
    """Where large results are kept; None where nothing is set."""
    if settings.result_store is None:
        return None
    return ResultStore(settings.result_store, folder=settings.folder, interrupts=(SoftTimeLimit,))


def check_results(settings: Settings) -> None:
    """Raises InvalidSetting where large results are to be kept where nothing installed can reach."""
    if (large := wire_results(settings)) is not None:
        large.check()


def nothing() -> None:
    """Nothing is to be closed."""
