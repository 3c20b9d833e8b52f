"""Asking a broker how it is, without changing anything in it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kombu.utils.url import maybe_sanitize_url

from pypeline.tasks.brokers import ask_rabbitmq, ask_redis
from pypeline.tasks.brokers.facts import TOPIC, BrokerReport, QueueReport, Remark

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from celery import Celery
    from kombu import Connection


__all__ = ["BrokerReport", "QueueReport", "Remark", "examine"]


def examine(app: Celery, names: Iterable[str], *, longest: float | None = 0.0) -> BrokerReport:
    """
    The broker of an application, and its queues of these names in their order.

    ``longest`` is the longest ``maxTtl`` in seconds of what travels through them, None where there is one
    without limit. Takes a few seconds where nobody answers; raises nothing.
    """
    report = BrokerReport(str(maybe_sanitize_url(app.conf.broker_read_url or app.conf.broker_url)))
    try:
        with app.connection_for_read(heartbeat=0) as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0)
            return _ask(connection, report, tuple(names), longest)
    except Exception as error:  # noqa: BLE001 - each client has errors of its own
        return replace(report, error=str(error) or type(error).__name__)


def _ask(
    connection: Connection, report: BrokerReport, names: Sequence[str], longest: float | None
) -> BrokerReport:
    kind: str = connection.transport.driver_type
    if kind == "amqp":
        return ask_rabbitmq.ask(connection, report, names, longest=longest)
    if kind == "redis":
        return ask_redis.ask(connection, report, names, longest=longest)
    channel: Any = connection.default_channel
    known = (name if channel._has_queue(name) else None for name in names)  # noqa: SLF001 - kombu's port
    queues = (QueueReport(name, TOPIC if found else None) for name, found in zip(names, known, strict=True))
    return replace(report, product=kind.capitalize(), queues=tuple(queues))
