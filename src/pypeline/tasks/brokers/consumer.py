"""The consumer of a worker that runs nodes: Celery's, which may read quorum queues beside others."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import amqp
from amqp.transport import TCPTransport
from celery.worker.consumer import Consumer

from pypeline.tasks.brokers.queues import NodeQueue
from pypeline.tasks.brokers.reading import ReadAhead

if TYPE_CHECKING:
    from collections.abc import Callable

NAME = f"{__name__}:NodeConsumer"
"""The value of the setting ``worker_consumer``."""

_PAUSES = {"interval_start": 0.5, "interval_step": 0.5, "interval_max": 2.0}
"""Seconds between two tries to reach the broker: at first, what each adds, at most."""

_REFUSALS = (amqp.AccessRefused, amqp.NotAllowed)
"""How RabbitMQ turns away a user that it does not know, and one without such a virtual host."""


class NodeConsumer(Consumer):
    """
    Lets the broker count what it prefetches for each queue, where one of them is for nodes.

    RabbitMQ refuses a quorum queue to a channel that counts for all of them, as Celery's does before
    RabbitMQ 4. Celery would see by itself that a queue is a quorum queue, but would then also send what has
    an ETA through exchanges and 28 queues more; a node has no ETA, and others keep what they have.
    """

    def connect(self) -> Any:
        """The connection on which the worker reads."""
        connection: Any = super().connect()
        queues: Any = self.app.amqp.queues
        if any(isinstance(queue, NodeQueue) for queue in queues.consume_from.values()):
            connection.transport.qos_semantics_matches_spec = _counts_for_each
        _read_ahead(connection)
        return connection

    def connection_for_write(self, url: str | None = None, heartbeat: float | None = None) -> Any:
        """
        The connection on which the worker sends its events.

        Where handlers are greenlets, Celery listens for a tenth of a second to it after each message that it
        has read from the other: ten a second would be all that the worker takes.
        """
        connection: Any = super().connection_for_write(url, heartbeat)
        connection.drain_events = partial(_drain_at_once, connection.drain_events)
        return connection

    def ensure_connected(self, conn: Any) -> Any:
        """
        The connection, once the broker answers.

        Celery asks ever more rarely, up to every 30 s, and so long would a broker that is back wait for us.
        """
        conn.ensure_connection = partial(conn.ensure_connection, **_PAUSES)
        # kombu gives up on a broker that refuses us; then Celery begins anew at once, and again.
        conn.recoverable_connection_errors = (*conn.recoverable_connection_errors, *_REFUSALS)
        connected = super().ensure_connected(conn)
        del conn.recoverable_connection_errors  # which kombu finds out again
        return connected


def _read_ahead(connection: Any) -> None:
    """Read from the socket as much as there is, on plain TCP."""
    transport: Any = getattr(connection.connection, "transport", None)
    is_plain = isinstance(transport, TCPTransport)
    if is_plain:
        transport._quick_recv = ReadAhead(transport.sock.recv)  # noqa: SLF001 - its own name for it


def _drain_at_once(drain: Callable[..., Any], timeout: float | None = None) -> Any:  # noqa: ARG001 - kombu's
    """Stands in for a connection's ``drain_events``; raises TimeoutError where nothing has arrived."""
    return drain(timeout=0)


def _counts_for_each(_: Any) -> bool:
    """Stands in for the transport's answer, which Celery reads as: a prefetch count need not be global."""
    return True
