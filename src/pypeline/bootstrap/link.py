"""What a door holds open: the system of this process, and where no broker is set a worker inside it."""

from __future__ import annotations

import atexit
import os
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from pypeline.bootstrap.system import build
from pypeline.config import find_config, load_config
from pypeline.config.required import require_handlers

if TYPE_CHECKING:
    from pypeline.application import Application
    from pypeline.bootstrap.system import System
    from pypeline.config import Config, Settings
    from pypeline.runs.plan import Plan
    from pypeline.tasks.workers.embedded import EmbeddedWorker


class Link:
    """
    Opens what is needed, when it is needed first. Safe to use from several threads.

    A process that was forked off opens everything anew, and leaves what it inherited to its parent.
    ``patient``: as `pypeline.bootstrap.build` has it.
    """

    def __init__(self, settings: Settings, config: Config | Path | None, *, patient: bool = True) -> None:
        self._settings = settings
        self._patient = patient
        self._given = config
        self._config = None if isinstance(config, Path) else config
        self._closed = False
        self._inherited: list[object] = []
        self._begin()

    @classmethod
    def to(cls, system: System, worker: EmbeddedWorker, settings: Settings, config: Config) -> Link:
        """A link to what its caller has open already, and closes: `close` leaves that alone."""
        link = cls(settings, config)
        link._system, link._worker = system, worker
        return link

    @property
    def application(self) -> Application:
        """The use cases; what is started needs `configured`. Raises DatabaseUnavailable, SchemaNotReady."""
        return self._opened().application

    def configured(self) -> Application:
        """The use cases with the configuration. Raises ConfigurationNotFound and InvalidConfiguration too."""
        config = self.config()
        system = self._opened()
        with self._lock:
            if not system.is_configured:
                system.configure(config)
        return system.application

    def config(self) -> Config:
        """The configuration: as given, else where the settings say. It is read once."""
        with self._lock:
            if self._config is None:
                path = find_config(self._settings, self._given if isinstance(self._given, Path) else None)
                self._config = load_config(path, env=self._settings.environment)
            return self._config

    def staff(self, plan: Plan) -> None:
        """
        Where no broker is set, see to it that the worker of this process can run this plan.

        Raises InvalidInput where a handler cannot be used.
        """
        if not self._settings.embedded:
            return
        require_handlers(self.config(), plan, self._settings.worker_name)
        self.configured()
        self._worker_of(plan).read(plan.queues)

    def close(self) -> None:
        """End the worker, once what it runs has finished or 10 seconds have passed; close the rest."""
        self._look_for_a_fork()
        with self._lock:
            self._closed = True
            opened = self._open.pop_all()
        # Without the lock: handlers that are waited for may use this client.
        opened.close()
        atexit.unregister(self.close)

    def _begin(self) -> None:
        # A lock that somebody held when this process was forked off would be held for ever.
        self._lock = threading.RLock()
        self._pid = os.getpid()
        self._open = ExitStack()
        self._system: System | None = None
        self._worker: EmbeddedWorker | None = None

    def _look_for_a_fork(self) -> None:
        if os.getpid() != self._pid:
            # What is inherited is the parent's to close; to forget a connection would be to close it, too.
            self._inherited.append(self._system)
            self._open.pop_all()
            self._begin()

    def _opened(self) -> System:
        self._look_for_a_fork()
        with self._lock:
            if self._closed:
                raise RuntimeError("this client is closed: make another one")
            if self._system is None:
                self._system = self._open.enter_context(self._build())
            return self._system

    def _build(self) -> System:
        return build(self._settings, self._config, patient=self._patient)

    def _worker_of(self, plan: Plan) -> EmbeddedWorker:
        system = self._opened()
        with self._lock:
            if self._worker is None:
                self._worker = self._open.enter_context(system.worker(plan.queues))
                # A program that ends without closing: what runs may finish, the rest is left to a retry.
                atexit.register(self.close)
            return self._worker
