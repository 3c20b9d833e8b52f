"""The consumer of a worker that runs nodes: Celery's, which may read quorum queues beside others."""

from __future__ import annotations

from typing import Any

from celery.worker.consumer import Consumer

from pypeline.tasks.queues import NodeQueue

NAME = f"{__name__}:NodeConsumer"
"""The value of the setting ``worker_consumer``."""


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
        return connection


def _counts_for_each(_: Any) -> bool:
    """Stands in for the transport's answer, which Celery reads as: a prefetch count need not be global."""
    return True
