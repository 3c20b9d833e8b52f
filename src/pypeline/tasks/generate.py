"""The Celery tasks of a configuration's handlers."""

from __future__ import annotations

import asyncio
import inspect
import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from pypeline.runs.listing import LIST_FILES
from pypeline.tasks.attempts.event import copied
from pypeline.tasks.attempts.output import Output
from pypeline.tasks.attempts.registry import HandlerMissing
from pypeline.tasks.attempts.toolbox import Tools
from pypeline.tasks.chained import chain
from pypeline.tasks.workers.missing import ANY_HANDLER, keep_unknown, refuse_call

if TYPE_CHECKING:
    from collections.abc import Callable

    from celery import Celery

    from pypeline.store.records import AttemptRef
    from pypeline.tasks.attempts.registry import Registry
    from pypeline.tasks.chained import ChainedTask
    from pypeline.tasks.workers.process import PerProcess

logger = logging.getLogger(__name__)


def generate_tasks(
    app: Celery,
    registry: Registry,
    perform: Callable[[AttemptRef], None],
    *,
    staff: PerProcess | None = None,
) -> list[ChainedTask]:
    """
    Register and answer a `ChainedTask` for each handler of the registry; ``perform`` does the attempts.

    So does one that it does not answer, for nodes that list files.

    ``staff`` is that of a worker with processes, of which one hears what the others do. A handler that
    cannot be imported gets its task as well: its attempts wait, with the reason, until a worker has it.
    """
    for path in registry.paths:
        _try_import(registry, path)
    # No service registers it, every worker has it; what it lists is never a matter of a plain call.
    chain(app, LIST_FILES, call=refuse_call, perform=perform, staff=staff)
    return [
        chain(
            app,
            path,
            call=partial(_call, registry, path),
            call_published=partial(_call_published, registry, path),
            perform=perform,
            staff=staff,
        )
        for path in registry.paths
    ]


def generate_any_handler(app: Celery, perform: Callable[[AttemptRef], None], *, staff: PerProcess) -> None:
    """Have workers of this application postpone nodes whose handler they lack; Celery would discard them."""
    chain(app, ANY_HANDLER, call=refuse_call, perform=perform, staff=staff)
    keep_unknown(app)


def _try_import(registry: Registry, path: str) -> None:
    # First of all, and every one: importing a handler may register the user's own task of its name.
    try:
        registry.resolve(path)
    except HandlerMissing as missing:
        logger.warning("%s", missing)


def _call_published(registry: Registry, path: str, event: Any) -> Any:
    """Call a handler with an event over its defaults, as in a run."""
    return _call(registry, path, {**copied(registry.resolve(path).defaults), **event})


def _call(registry: Registry, path: str, *args: Any, **kwargs: Any) -> Any:
    """Call a handler as the plain function that it is, with tools where it asks for them."""
    handler = registry.resolve(path)
    if handler.signature.takes_tools and len(args) == 1:
        kwargs.setdefault("tools", Tools(registry.toolbox, handler=path, output=Output()))
    result = handler.function(*args, **kwargs)
    return asyncio.run(result) if inspect.iscoroutine(result) else result
