"""
Durable DAG pipelines and schedules on Celery, declared in one YAML file.

Importing this package is light and does nothing. It holds the names that handlers use; the doors are
``pypeline.celery`` (workers), ``pypeline.cli`` (the command) and ``pypeline.Client`` (Python).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pypeline.errors import Fail, PypelineError, RetryLater, Skip

if TYPE_CHECKING:
    from pypeline.client import Client, Run
    from pypeline.publishing import publish, publish_in_batches

__all__ = [
    "Client",
    "Fail",
    "PypelineError",
    "RetryLater",
    "Run",
    "Skip",
    "__version__",
    "publish",
    "publish_in_batches",
]

__version__ = "0.1.0"

_DOORS = {
    "Client": "pypeline.client",
    "Run": "pypeline.client",
    "publish": "pypeline.publishing",
    "publish_in_batches": "pypeline.publishing",
}
"""The names that are imported when they are asked for, each with its module."""


def __getattr__(name: str) -> Any:
    """Import a door when it is asked for: handlers, which import this package, do without."""
    if name not in _DOORS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - late on purpose

    return getattr(import_module(_DOORS[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_DOORS})
