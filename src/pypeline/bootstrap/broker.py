"""The broker of the settings: its client, and the name that runs know it by."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from celery import Celery
from kombu import Connection

from pypeline.errors import InvalidSetting, MissingExtra
from pypeline.tasks.configure import configure_celery

if TYPE_CHECKING:
    from pypeline.config import Settings

_REDIS = ("redis", "redis", "packaging")
_BROKER_CLIENTS = {
    "redis": _REDIS,
    "rediss": _REDIS,
    "confluentkafka": ("kafka", "confluent_kafka"),
}
"""The extra that a broker needs, by the scheme of its URL, and the packages that it brings."""


def require_transport(settings: Settings) -> None:
    """Raises InvalidSetting where nothing can talk to such a broker, MissingExtra where an extra could."""
    scheme = urlsplit(settings.broker_url).scheme
    extra, *packages = _BROKER_CLIENTS.get(scheme, ("",))
    if any(find_spec(package) is None for package in packages):
        raise MissingExtra(f"A broker at {scheme}://", extra)
    for url in settings.broker_url.split(";"):
        _require_address(url)
    try:
        Connection(settings.broker_url).get_transport_cls()
    except KeyError as error:
        problem = f"{scheme}:// is no broker: use amqp://, redis:// or confluentkafka://"
        raise InvalidSetting("PYPELINE_BROKER_URL", problem) from error
    except ModuleNotFoundError as error:
        problem = f"{scheme}:// needs the package {error.name}, which is not installed"
        raise InvalidSetting("PYPELINE_BROKER_URL", problem) from error


def _require_address(url: str) -> None:
    """What kombu finds out when it connects, and tells as a fault of the program."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError as error:
        raise InvalidSetting("PYPELINE_BROKER_URL", f"{error}") from error
    if parts.scheme == "confluentkafka" and port is None:
        raise InvalidSetting("PYPELINE_BROKER_URL", "names no port: confluentkafka://host:9092")
    if parts.scheme in ("redis", "rediss") and not parts.path.strip("/").isdigit() and parts.path.strip("/"):
        raise InvalidSetting("PYPELINE_BROKER_URL", "names its database by a number: redis://host:6379/0")


def client_app(settings: Settings) -> Celery:
    """
    An application that sends to the broker of the settings, and runs nothing.

    Raises as `require_transport` does.
    """
    require_transport(settings)
    return configure_celery(Celery("pypeline", set_as_current=False), settings)


def broker_name(settings: Settings, app: Celery | None = None) -> str:
    """
    The broker without its user and password: runs of all its workers carry this name.

    Where the settings name none, it is that of ``app``: messages go there.
    """
    url = settings.broker or _broker_of(app) or settings.broker_url
    return ";".join(map(_without_user, url.split(";")))


def _without_user(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _broker_of(app: Celery | None) -> str | None:
    urls = None if app is None else app.conf.broker_write_url
    return urls if urls is None or isinstance(urls, str) else ";".join(urls)
