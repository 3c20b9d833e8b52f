"""What PypeLine sets in a Celery application, and what it leaves alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pypeline.tasks.brokers.consumer import NAME as CONSUMER
from pypeline.tasks.brokers.queues import NODE_AMQP, node_queue

if TYPE_CHECKING:
    from celery import Celery

    from pypeline.config.settings import Settings

CONNECTION = {
    # Celery's default gives up on the broker at startup, or after 100 tries.
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    # After a cut the broker may still hold the control queue of the lost connection, and refuse it.
    "broker_channel_error_retry": True,
    # A handler survives a broker that restarts: its outcome is recorded, the redelivered copy is dropped.
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    # With more, one worker hoards the long tasks that another could do.
    "worker_prefetch_multiplier": 1,
    # It can read quorum queues beside others.
    "worker_consumer": CONSUMER,
}
"""What a worker of ours needs of its application. The rest is set for each `ChainedTask` alone."""

SCHEDULER = "pypeline.celery_beat:SermosScheduler"
"""The scheduler of ``celery beat``, by the name that Celery finds it by."""

_VISIBILITY = 3600.0
_UNLIMITED = 7 * 24 * 3600.0


def configure_celery(app: Celery, settings: Settings | None = None) -> Celery:
    """
    Make an application one whose workers can run nodes, and answer it.

    What the application sets itself, before or later, stays; so do its tasks, queues and broker. With
    ``settings`` the application is ours alone: broker, default queue and the kind of the queues are then
    taken from there.
    """
    defaults = CONNECTION if settings is None else CONNECTION | own_settings(settings)
    if settings is not None:
        app.amqp_cls = NODE_AMQP
    if app.configured:  # type: ignore[attr-defined] # missing in its stubs
        _put_beneath(app.conf, defaults)
    app.on_after_configure.disconnect(dispatch_uid=__name__)
    app.on_after_configure.connect(
        lambda source, **_: _put_beneath(source, defaults), weak=False, dispatch_uid=__name__
    )
    return app


def own_settings(settings: Settings) -> dict[str, Any]:
    """The Celery settings of our own application."""
    broker = settings.broker_url
    return {
        "broker_url": broker,
        # Celery prefers CELERY_BROKER_URL of the environment to the first, but not to these.
        "broker_read_url": broker,
        "broker_write_url": broker,
        "result_backend": settings.result_backend,
        "task_default_queue": settings.default_queue,
        "task_queues": (node_queue(settings.default_queue),),
        "beat_scheduler": SCHEDULER,
        **_of_transport(broker, settings),
    }


def hold_messages(app: Celery, longest: float | None) -> Celery:
    """
    Let our own application on Redis keep a message for longer than any handler runs; answers it.

    ``longest`` is the longest ``maxTtl`` in seconds, None where a handler may run without limit. Nothing
    where the application set its own time, or on other brokers, which watch the worker and not the clock.
    """
    options = app.conf.broker_transport_options
    if isinstance(options, _RedisOptions):
        allowed = _UNLIMITED if longest is None else 2 * longest
        options["visibility_timeout"] = max(_VISIBILITY, allowed)
    return app


def _of_transport(broker: str, settings: Settings) -> dict[str, Any]:
    if broker.startswith("redis"):
        return {"broker_transport_options": _redis_options(settings)}
    if broker.startswith("confluentkafka"):
        return _KAFKA
    return {}


class _RedisOptions(dict[str, Any]):
    """Tells our options from a user's."""


def _redis_options(settings: Settings) -> _RedisOptions:
    return _RedisOptions(
        # Redis hands a message out again after this time, whether or not its handler still runs.
        visibility_timeout=_VISIBILITY,
        global_keyprefix=settings.key_prefix,
        # A server that is gone without a word: a publish gives up after this, a consumer asks so often.
        socket_timeout=10.0,
        socket_connect_timeout=5.0,
        socket_keepalive=True,
        health_check_interval=10,
    )


_KAFKA = {
    # A mailbox for each worker would be a topic for each; its transport has no fanout.
    "worker_enable_remote_control": False,
    "worker_send_task_events": False,
    "broker_transport_options": {
        # Until it looks again for a message, and while all its hands are full: kombu's are 5 s and 1 s.
        "wait_time_seconds": 2,
        "polling_interval": 0.02,
        # One partition is read by one worker.
        "num_partitions": 16,
        # Kafka takes the partitions of a consumer that does not ask for messages, as one whose hands are full
        # does not. This is the longest that librdkafka allows; a worker that died is noticed in 45 s.
        "kafka_consumer_config": {"max.poll.interval.ms": 86_400_000},
        # A publish waits so long for the broker, then leaves the message to the sweep.
        "kafka_producer_config": {"message.timeout.ms": 5000},
    },
}


class _Ours(dict[str, Any]):
    """Tells our layer of an application's settings from the others."""


def _put_beneath(conf: Any, defaults: dict[str, Any]) -> None:
    # `add_defaults` would go above what `config_from_object` read: ours belong between that and Celery's own,
    # which are last.
    for layers in (conf.maps, conf.defaults):
        layers[:] = [layer for layer in layers if not isinstance(layer, _Ours)]
        layers.insert(-1, _Ours(defaults))
