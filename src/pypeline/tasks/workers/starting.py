"""What a worker makes sure of before it takes its first message."""

from __future__ import annotations

import sys
import traceback
from typing import TYPE_CHECKING, Any, NoReturn

from pypeline.config.findings import Fault
from pypeline.tasks.attempts.registry import HandlerMissing
from pypeline.tasks.brokers.queues import queue_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from celery import Celery

    from pypeline.config import Config
    from pypeline.config.findings import Path
    from pypeline.tasks.attempts.registry import Registry

_BAD_CONFIGURATION = 2


def listen(app: Celery, names: Iterable[str], *, only: bool) -> None:
    """
    Let a worker of this application read these queues, where ``-Q`` does not choose.

    Those that the application reads itself stay, unless it is to read these ``only``.
    """
    queues: Any = app.amqp.queues
    chosen = [queue_of(app, name) for name in names]
    if only:
        queues.select([queue.name for queue in chosen])
    else:
        for queue in chosen:
            queues.select_add(queue)


def require_handlers(registry: Registry, config: Config) -> None:
    """
    Stop this worker where a handler of its own cannot be imported.

    Writes the traceback of each and the place in the file that registers it. Raises SystemExit.
    """
    broken = [missing for path in registry.paths if (missing := _missing(registry, path)) is not None]
    if broken:
        _stop(config, broken)


def _missing(registry: Registry, path: str) -> HandlerMissing | None:
    try:
        registry.resolve(path)
    except HandlerMissing as missing:
        return missing
    return None


def _stop(config: Config, broken: Iterable[HandlerMissing]) -> NoReturn:
    for missing in broken:
        error = _origin(missing)
        sys.stderr.write("".join(traceback.format_exception(error)))
        fault = Fault(
            _registered_at(config, missing.path),
            f"the handler `{missing.path}` {missing.reason}",
            "correct it or the path",
        )
        sys.stderr.write(f"{config.source.finding(fault)}\n")
    raise SystemExit(_BAD_CONFIGURATION)


def _origin(missing: HandlerMissing) -> BaseException:
    """What the user's module raised, where it is that."""
    error: BaseException = missing
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _registered_at(config: Config, handler: str) -> Path:
    for index, service in enumerate(config.services):
        for number, task in enumerate(service.registered_tasks or ()):
            if task.handler == handler:
                return ("serviceConfig", index, "registeredTasks", number, "handler")
    for pipeline_id, pipeline in config.pipelines.items():
        for node, definition in pipeline.config.task_definitions.items():
            if handler in definition.all_handlers:
                return ("pipelines", pipeline_id, "config", "taskDefinitions", node)
    return ("scheduledTasks",)
