"""What PypeLine sets in a Celery application, and what it leaves alone."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from celery import Celery

    from pypeline.config.settings import Settings

CONNECTION = {
    # Celery's default gives up on the broker at startup, or after 100 tries.
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    # A handler survives a broker that restarts: its outcome is recorded, the redelivered copy is dropped.
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    # With more, one worker hoards the long tasks that another could do.
    "worker_prefetch_multiplier": 1,
}
"""What a worker of ours needs of its application. The rest is set for each `ChainedTask` alone."""

_VISIBILITY = 3600


def configure_celery(app: Celery, settings: Settings | None = None) -> Celery:
    """
    Make an application one whose workers can run nodes, and answer it.

    What the application sets itself, before or later, stays; so do its tasks, queues and broker. With
    ``settings`` the application is ours alone: broker, default queue and the kind of the queues are then
    taken from there.
    """
    defaults = CONNECTION if settings is None else CONNECTION | own_settings(settings)
    if app.configured:  # type: ignore[attr-defined] # missing in its stubs
        _put_beneath(app.conf, defaults)
    app.on_after_configure.disconnect(dispatch_uid=__name__)
    app.on_after_configure.connect(
        lambda source, **_: _put_beneath(source, defaults), weak=False, dispatch_uid=__name__
    )
    return app


def own_settings(settings: Settings, *, longest: float = 0.0) -> dict[str, Any]:
    """
    The Celery settings of our own application.

    ``longest`` is the longest ``maxTtl`` of its nodes in seconds.
    """
    broker = settings.broker_url
    found: dict[str, Any] = {
        "broker_url": broker,
        # Celery prefers CELERY_BROKER_URL of the environment to the first, but not to these.
        "broker_read_url": broker,
        "broker_write_url": broker,
        "result_backend": settings.result_backend,
        "task_default_queue": settings.default_queue,
    }
    if broker.startswith(("amqp", "pyamqp")):
        found |= {"task_default_queue_type": "quorum", "task_create_missing_queue_type": "quorum"}
    if broker.startswith("redis"):
        found["broker_transport_options"] = _redis_options(settings, longest)
    return found


def _redis_options(settings: Settings, longest: float) -> dict[str, Any]:
    return {
        # Redis hands a message out again after this time, whether or not its handler still runs.
        "visibility_timeout": max(_VISIBILITY, 2 * longest),
        "health_check_interval": 25,
        "socket_keepalive": platform.system() != "Windows",
        "global_keyprefix": f"{settings.app_name}:",
    }


class _Ours(dict[str, Any]):
    """Tells our layer of an application's settings from the others."""


def _put_beneath(conf: Any, defaults: dict[str, Any]) -> None:
    # `add_defaults` would go above what `config_from_object` read: ours belong between that and Celery's own,
    # which are last.
    for layers in (conf.maps, conf.defaults):
        layers[:] = [layer for layer in layers if not isinstance(layer, _Ours)]
        layers.insert(-1, _Ours(defaults))
