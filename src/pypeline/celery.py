"""
The door to Celery: ``celery -A pypeline.celery worker`` runs the nodes of the configuration.

Importing this configures `app` from the settings. Its tasks are generated when they are first looked at, so
that the handlers' modules may import this one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from celery import Celery, _state, signals

from pypeline import bootstrap
from pypeline.config import Settings
from pypeline.tasks.chained import ChainedTask
from pypeline.tasks.configure import configure_celery
from pypeline.tasks.generate import generate_tasks
from pypeline.tasks.process import PerProcess, attach

if TYPE_CHECKING:
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
        registry, hire = bootstrap.celery_worker(self._celery, self._config)
        staff = PerProcess(hire)
        attach(self._celery, staff)
        return generate_tasks(self._celery, registry, staff.perform)


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


def _nobody_is_current() -> bool:
    """True while no application is the current one: an application of the user's own keeps that place."""
    # The public question would make one.
    return _state._tls.current_app is None  # type: ignore[attr-defined] # noqa: SLF001


def _drop_chatter(sender: Any, **_: Any) -> None:
    """Each worker's gossip goes to each other one; nothing here listens to it."""
    if sender.app is app:
        sender.options.update(without_gossip=True, without_mingle=True)


app = _Application("pypeline", set_as_current=_nobody_is_current())
configure_celery(app, Settings.load())
signals.worker_init.connect(_drop_chatter)
