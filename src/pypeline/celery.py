"""
The door to Celery: ``celery -A pypeline.celery worker`` runs the nodes of the configuration.

Importing this configures `app` from the settings. Its tasks are generated when they are first looked at, so
that the handlers' modules may import this one.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from celery import Celery, _state, signals

from pypeline import bootstrap
from pypeline.application.judging import longest_limit
from pypeline.config import Settings
from pypeline.logs import write_as_json
from pypeline.tasks.chained import ChainedTask
from pypeline.tasks.configure import configure_celery, hold_messages
from pypeline.tasks.generate import generate_any_handler, generate_tasks
from pypeline.tasks.workers.hooks import attach
from pypeline.tasks.workers.process import PerProcess
from pypeline.tasks.workers.request import others_run
from pypeline.tasks.workers.starting import listen, require_handlers

if TYPE_CHECKING:
    import logging

    from pypeline.config import Config

__all__ = ["ChainedTask", "GenerateCeleryTasks", "app", "configure_celery"]


class GenerateCeleryTasks:
    """
    Makes the handlers of a configuration tasks of an application.

    By default that is the configuration that the settings name, and our own application. A worker of it then
    runs nodes, in each of its processes with a database connection of its own.
    """

    def __init__(self, config: Config | None = None, celery: Celery | None = None) -> None:
        self._config = config
        self._celery = app if celery is None else celery

    def generate(self) -> list[ChainedTask]:
        """
        Register the tasks, and answer them.

        Raises InvalidConfiguration, InvalidSetting and ConfigurationNotFound.
        """
        worker = bootstrap.celery_worker(self._celery, self._config)
        staff = PerProcess(worker.hire, others_run=others_run)
        attach(
            self._celery,
            staff,
            grace=worker.grace,
            on_select=partial(_prepare, self._celery, worker),
            on_start=partial(require_handlers, worker.registry, worker.config),
        )
        generate_any_handler(self._celery, staff.perform, staff=staff)
        return generate_tasks(self._celery, worker.registry, staff.perform, staff=staff)


class _Application(Celery):
    """Generates its tasks when it is finalized: when a worker starts, or somebody looks at them."""

    _generated = False

    def finalize(self, auto: bool = False) -> None:  # noqa: FBT001, FBT002 - Celery's
        super().finalize(auto=auto)
        if not self._generated:
            self._generated = True
            self._generate()

    def _generate(self) -> None:
        try:
            GenerateCeleryTasks(celery=self).generate()
        except BaseException:
            # The next look finds the same fault, not an application without tasks.
            self._generated = False
            raise


def _prepare(app: Celery, worker: bootstrap.CeleryWorker) -> None:
    listen(app, worker.queues, only=isinstance(app, _Application))
    hold_messages(app, longest_limit(worker.config))


def _nobody_is_current() -> bool:
    """True while no application is the current one: an application of the user's own keeps that place."""
    # The public question would make one.
    return _state._tls.current_app is None  # type: ignore[attr-defined] # noqa: SLF001


def _drop_chatter(sender: Any, **_: Any) -> None:
    """Each worker's gossip goes to each other one; nothing here listens to it."""
    if sender.app is app:
        sender.options.update(without_gossip=True, without_mingle=True)


def _write_as_json(logger: logging.Logger, **_: Any) -> None:
    write_as_json(logger)


app = _Application("pypeline", set_as_current=_nobody_is_current())
_settings = Settings.load()
configure_celery(app, _settings)
signals.worker_init.connect(_drop_chatter)
if _settings.log_format == "json":
    signals.after_setup_logger.connect(_write_as_json)
    signals.after_setup_task_logger.connect(_write_as_json)
