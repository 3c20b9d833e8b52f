"""
Wiring: the only place that chooses classes.

It knows every floor beneath it and decides nothing but which parts a process has. The doors above call it.
"""

from pypeline.errors import MissingExtra

try:
    from pypeline.bootstrap.checkup import examine_installation
    from pypeline.bootstrap.database import database_level, open_retention, upgrade_database
    from pypeline.bootstrap.link import Link
    from pypeline.bootstrap.publishing import publisher
    from pypeline.bootstrap.readiness import Readiness
    from pypeline.bootstrap.system import System, build
    from pypeline.bootstrap.worker import CeleryWorker, celery_worker
except ModuleNotFoundError as error:
    if not MissingExtra.explains(error):
        raise
    raise MissingExtra("Running pipelines", "workers") from error

__all__ = [
    "CeleryWorker",
    "Link",
    "Readiness",
    "System",
    "build",
    "celery_worker",
    "database_level",
    "examine_installation",
    "open_retention",
    "publisher",
    "upgrade_database",
]
