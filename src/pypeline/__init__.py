"""
Durable DAG pipelines and schedules on Celery, declared in one YAML file.

Importing this package is light and does nothing. It holds the names that handlers use; the doors are
``pypeline.celery`` (workers), ``pypeline.cli`` (the command) and ``pypeline.Client`` (Python).
"""

from __future__ import annotations

from pypeline.errors import Fail, PypelineError, RetryLater, Skip

__all__ = ["Fail", "PypelineError", "RetryLater", "Skip", "__version__"]

__version__ = "0.1.0"
