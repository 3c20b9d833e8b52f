"""
Wiring: the only place that chooses classes.

It knows every floor beneath it and decides nothing but which parts a process has. The doors above call it.
"""

from pypeline.errors import MissingExtra

try:
    from pypeline.bootstrap.checkup import examine_installation
    from pypeline.bootstrap.database import database_level, upgrade_database
    from pypeline.bootstrap.system import System, build
    from pypeline.bootstrap.worker import CeleryWorker, celery_worker
except ModuleNotFoundError as error:
    raise MissingExtra("Running pipelines", "workers") from error

__all__ = [
    "CeleryWorker",
    "System",
    "build",
    "celery_worker",
    "database_level",
    "examine_installation",
    "upgrade_database",
]
