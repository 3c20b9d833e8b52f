"""Who publishes tasks in a process: its worker, or else what the first publish opens."""

from __future__ import annotations

import atexit
import os
import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from pypeline.application.publishing import Publishing
from pypeline.bootstrap.broker import broker_name, client_app
from pypeline.bootstrap.parts import wire_engine
from pypeline.config import Settings, find_config, load_config
from pypeline.engine.identity import Identity
from pypeline.errors import InvalidSetting
from pypeline.store.sql_store import SqlStore
from pypeline.tasks.brokers.bare import CeleryTasks
from pypeline.tasks.brokers.dispatch import CeleryDispatcher
from pypeline.tasks.workers.staff import worker_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from celery import Celery

    from pypeline.config import Config
    from pypeline.engine import Engine
    from pypeline.tasks.attempts.registry import Registry

_NEEDS_A_WORKER = (
    "is not set, and a published task needs a worker that goes on when this process ends: set it, or start "
    "pipelines with pypeline.Client, whose worker is inside this process"
)


class _Opened:
    """What one process publishes through that has no worker."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._publishing: Publishing | None = None

    def get(self) -> Publishing:
        if self._publishing is None:
            with self._lock:
                if self._publishing is None:
                    self._publishing = _open()
        return self._publishing


_serving: list[Publishing] = []
_opened: dict[int, _Opened] = {}
"""By process id: after a fork the child opens its own, and leaves the parent's alone."""


def publisher() -> Publishing:
    """
    Who publishes in this process; it is made once, when it is first asked for.

    Raises InvalidSetting where no broker is set and no worker is inside this process; InvalidConfiguration,
    ConfigurationNotFound, DatabaseUnavailable and SchemaNotReady.
    """
    if _serving:
        return _serving[-1]
    pid = os.getpid()
    return (_opened.get(pid) or _opened.setdefault(pid, _Opened())).get()


@contextmanager
def published_by(
    settings: Settings,
    engine: Engine,
    registry: Registry,
    config: Config,
    app: Celery,
    *,
    before: Callable[[str, str], object] | None = None,
) -> Iterator[None]:
    """
    Let the worker of this process publish for its handlers, and for what else does in it, while entered.

    ``before`` hears of a task and its queue before it is sent, and may raise.
    """
    bare = CeleryTasks(app)
    publishing = Publishing(engine, bare, config, default_queue=settings.default_queue, before=before)
    registry.toolbox.publisher = publishing
    _serving.append(publishing)
    try:
        yield
    finally:
        _serving.remove(publishing)
        registry.toolbox.publisher = None
        bare.close()


def _open() -> Publishing:
    settings = Settings.load()
    if settings.embedded:
        raise InvalidSetting("PYPELINE_BROKER_URL", _NEEDS_A_WORKER)
    settings.require_database()
    config = load_config(find_config(settings), env=settings.environment)
    app = client_app(settings)
    with ExitStack() as stack:
        store = stack.enter_context(SqlStore(settings.database_url, app=settings.app_name))
        dispatcher, bare = CeleryDispatcher(app), CeleryTasks(app)
        stack.callback(dispatcher.close)
        stack.callback(bare.close)
        identity = Identity(worker_id(os.getpid()), broker_name(settings))
        engine = wire_engine(settings, store, dispatcher, identity)
        publishing = Publishing(engine, bare, config, default_queue=settings.default_queue)
        atexit.register(_close_in, os.getpid(), stack.pop_all())
    return publishing


def _close_in(pid: int, stack: ExitStack) -> None:
    if os.getpid() == pid:
        stack.close()
