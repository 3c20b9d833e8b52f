"""The consumer of a worker that runs nodes: Celery's, which may read quorum queues beside others."""

from __future__ import annotations

from functools import partial
from typing import Any

from amqp.transport import TCPTransport
from celery.worker.consumer import Consumer

from pypeline.tasks.brokers.queues import NodeQueue
from pypeline.tasks.brokers.reading import ReadAhead

NAME = f"{__name__}:NodeConsumer"
"""The value of the setting ``worker_consumer``."""

_PAUSES = {"interval_start": 0.5, "interval_step": 0.5, "interval_max": 2.0}
"""Seconds between two tries to reach the broker: at first, what each adds, at most."""


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

    def ensure_connected(self, conn: Any) -> Any:
        """
        The connection, once the broker answers.

        Celery asks ever more rarely, up to every 30 s, and so long would a broker that is back wait for us.
        """
        conn.ensure_connection = partial(conn.ensure_connection, **_PAUSES)
        return super().ensure_connected(conn)


def _read_ahead(connection: Any) -> None:
    """Read from the socket as much as there is, on plain TCP."""
    transport: Any = getattr(connection.connection, "transport", None)
    is_plain = isinstance(transport, TCPTransport)
    if is_plain:
        transport._quick_recv = ReadAhead(transport.sock.recv)  # noqa: SLF001 - its own name for it


def _counts_for_each(_: Any) -> bool:
    """Stands in for the transport's answer, which Celery reads as: a prefetch count need not be global."""
    return True
