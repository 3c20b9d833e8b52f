"""The queues that nodes travel through, and how a broker comes to have them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import amqp
from celery.app.amqp import AMQP, Queues
from kombu import Queue
from kombu.utils.text import version_string_as_tuple

if TYPE_CHECKING:
    from celery import Celery

DEAD_LETTERS = "pypeline.dead"
"""The queue of messages that no worker could take: a copy of each, for people to look at."""

DELIVERY_LIMIT = 20
"""How often a message may come back from workers before it goes to the dead letters; RabbitMQ 4's default."""

CONSUMER_TIMEOUT = 7 * 24 * 3600
"""Seconds that a worker may hold a message: longer than any handler runs. Leases find lost workers before."""

_MOST_DEAD_LETTERS = 10_000
_KNOWS_CONSUMER_TIMEOUT = (3, 12)


def node_queue(name: str) -> Queue:
    """
    The queue of that name for nodes.

    A queue that the broker has is used as it is, whatever its kind. One that it does not have becomes, on
    RabbitMQ, a quorum queue with a delivery limit and dead letters. It is bound to no exchange: whoever
    publishes names the queue.
    """
    return NodeQueue(name, routing_key=name, durable=True)


def queue_of(app: Celery, name: str) -> Queue:
    """The queue that an application knows by this name; where it knows none, it gets a `node_queue`."""
    queues: Any = app.amqp.queues
    if name not in queues and name not in queues.aliases:
        queues.add(node_queue(name))
    found: Queue = queues[name]
    return found


def quorum_arguments(version: str) -> dict[str, Any]:
    """The arguments of a node's queue on a RabbitMQ of that version."""
    arguments: dict[str, Any] = {
        "x-queue-type": "quorum",
        "x-delivery-limit": DELIVERY_LIMIT,
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": DEAD_LETTERS,
    }
    if version_string_as_tuple(version) >= _KNOWS_CONSUMER_TIMEOUT:
        arguments["x-consumer-timeout"] = CONSUMER_TIMEOUT * 1000
    return arguments


NODE_AMQP = f"{__name__}:NodeAMQP"
"""The name by which an application finds the class of its queues."""


class NodeAMQP(AMQP):
    """The queues of our own application: those that nobody defines are node queues too."""

    class queues_cls(Queues):  # noqa: N801 - Celery's name
        """Makes node queues of what a command line or a message names."""

        def new_missing(self, name: str) -> Queue:
            """A queue of a name that is not known yet."""
            return node_queue(name)


class NodeQueue(Queue):
    """What `node_queue` makes."""

    def declare(self, nowait: bool = False, channel: Any = None) -> str:  # noqa: ARG002, FBT001, FBT002 - kombu's
        """See to it that the broker has the queue; answers its name."""
        channel = channel or self.channel
        if isinstance(channel, amqp.Channel):
            _provide(channel.connection, self.name)
        else:
            self.queue_declare(channel=channel)
        return self.name


def _provide(connection: Any, name: str) -> None:
    """See to it that RabbitMQ has the queue."""
    if not _exists(connection, name):
        arguments = quorum_arguments(connection.server_properties.get("version", "0"))
        _create(connection, DEAD_LETTERS, {"x-max-length": _MOST_DEAD_LETTERS})
        _create(connection, name, arguments)


def _exists(connection: Any, name: str) -> bool:
    try:
        # A channel of its own: RabbitMQ closes the one on which it says no.
        with connection.channel() as channel:
            channel.queue_declare(name, passive=True)
    except amqp.NotFound:
        return False
    return True


def _create(connection: Any, name: str, arguments: dict[str, Any]) -> None:
    try:
        with connection.channel() as channel:
            channel.queue_declare(name, durable=True, auto_delete=False, arguments=arguments)
    except amqp.PreconditionFailed:
        # Somebody made it meanwhile, of another kind; then it is used as it is.
        if not _exists(connection, name):
            raise
