"""The broker inside one process: kombu's memory transport, private to an application and without polling."""

from __future__ import annotations

import threading
from itertools import count
from queue import Empty
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from kombu.transport import memory, virtual

if TYPE_CHECKING:
    from queue import Queue

TRANSPORT = "pypeline.tasks.brokers.memory:Transport"
"""The name by which Celery finds the transport."""


class MemoryBroker:
    """
    The queues of one application, and the bell that wakes its consumer.

    kombu keeps the state of ``memory://`` in class attributes, so that two workers in a process share queues
    of one name, and its consumer sleeps a second between looks. Hand this one to an application with
    `memory_settings`. It serves one consumer.
    """

    def __init__(self) -> None:
        self.queues: dict[str, Queue[Any]] = {}
        self.state = virtual.BrokerState()
        self.tags = count(1)
        self._bell = threading.Event()
        self._channels: WeakSet[Channel] = WeakSet()

    def ring(self) -> None:
        """Wake the consumer: there is a message, room for one, or something else to look at."""
        if not self._bell.is_set():
            self._bell.set()

    def wait(self, timeout: float | None) -> None:
        """Sleep until the bell rings, or has rung since the last wait; ``timeout`` seconds at most."""
        self._bell.wait(timeout)
        self._bell.clear()

    def has_messages(self) -> bool:
        """True if a message waits in any queue."""
        return any(queue.qsize() for queue in tuple(self.queues.values()))

    def add_channel(self, channel: Channel) -> None:
        """Know of a channel on its queues."""
        self._channels.add(channel)

    def is_idle(self) -> bool:
        """True if no message waits, and none that was delivered is still to be acknowledged."""
        # In this order: a message goes from a queue to a channel.
        return not self.has_messages() and not any(channel.holds() for channel in tuple(self._channels))


def memory_settings(broker: MemoryBroker) -> dict[str, Any]:
    """The Celery settings that make an application use this broker."""
    return {
        "broker_url": "memory://localhost",
        "broker_transport": TRANSPORT,
        # There is no wire, so no base64.
        "broker_transport_options": {"broker": broker, "body_encoding": None},
    }


class Channel(memory.Channel):
    """A channel on the queues of one `MemoryBroker`."""

    def __init__(self, connection: Transport, **kwargs: Any) -> None:
        super().__init__(connection, **kwargs)
        self.broker = connection.broker
        self.queues = self.broker.queues
        self.broker.add_channel(self)

    def holds(self) -> int:
        """How many messages it delivered that are not acknowledged."""
        qos: Any = self.qos
        return len(qos._delivered) - len(qos._dirty)  # noqa: SLF001 - as its can_consume counts

    def basic_ack(self, delivery_tag: str, multiple: bool = False) -> None:  # noqa: FBT001, FBT002 - kombu's
        """Acknowledge a message, and wake the consumer if it may take more now."""
        super().basic_ack(delivery_tag, multiple)
        self._ring_if_there_is_room()

    def basic_reject(self, delivery_tag: str, requeue: bool = False) -> None:  # noqa: FBT001, FBT002 - kombu's
        """Refuse a message, and wake the consumer if it may take more now."""
        super().basic_reject(delivery_tag, requeue)
        self._ring_if_there_is_room()

    def _put(self, queue: str, message: dict[str, Any], **kwargs: Any) -> None:
        super()._put(queue, message, **kwargs)
        self.broker.ring()

    def _next_delivery_tag(self) -> str:
        return str(next(self.broker.tags))

    def _ring_if_there_is_room(self) -> None:
        # Half of the prefetched messages at once: a wake-up costs more than a message.
        qos: Any = self.qos
        if self.holds() <= qos.prefetch_count // 2 and self.broker.has_messages():
            self.broker.ring()


class Transport(memory.Transport):
    """A transport on the `MemoryBroker` in the option ``broker``; its consumer sleeps until there is work."""

    Channel = Channel

    def __init__(self, client: Any, **kwargs: Any) -> None:
        super().__init__(client, **kwargs)
        self.broker: MemoryBroker = client.transport_options["broker"]
        self.state = self.broker.state

    def drain_events(self, connection: Any, timeout: float | None = None, **_: Any) -> None:  # noqa: ARG002 - kombu's
        """
        Deliver a message as soon as there is one.

        Raises TimeoutError after ``timeout`` seconds, or where the bell rings for something else.
        """
        if not self._deliver_one():
            self.broker.wait(timeout)
            # This look comes after the wait has silenced the bell: what is put later rings it again.
            if not self._deliver_one():
                raise TimeoutError

    def _deliver_one(self) -> bool:
        cycle: Any = self.cycle
        try:
            cycle.get(self._deliver)
        except Empty:
            return False
        return True
