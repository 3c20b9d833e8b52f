"""The broker of the settings: its client, and the name that runs know it by."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from celery import Celery

from pypeline.errors import MissingExtra
from pypeline.tasks.configure import configure_celery

if TYPE_CHECKING:
    from pypeline.config import Settings

_BROKER_CLIENTS = {
    "redis": ("redis", "redis"),
    "rediss": ("redis", "redis"),
    "confluentkafka": ("confluent_kafka", "kafka"),
}
"""The package that a broker needs, by the scheme of its URL, and the extra that brings it."""


def client_app(settings: Settings) -> Celery:
    """An application that sends to the broker of the settings, and runs nothing. Raises MissingExtra."""
    scheme = urlsplit(settings.broker_url).scheme
    package, extra = _BROKER_CLIENTS.get(scheme, (None, ""))
    if package is not None and find_spec(package) is None:
        raise MissingExtra(f"A broker at {scheme}://", extra)
    return configure_celery(Celery("pypeline", set_as_current=False), settings)


def broker_name(settings: Settings) -> str:
    """The broker without its user and password: runs of all its workers carry this name."""
    parts = urlsplit(settings.broker_url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
