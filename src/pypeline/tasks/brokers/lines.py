"""Connections on which messages of nodes are published, by one thread at a time."""

from __future__ import annotations

import os
import threading
import weakref
from typing import TYPE_CHECKING, Any

import amqp
from kombu.exceptions import BatchPublishError, OperationalError  # type: ignore[attr-defined] # its stubs are older

from pypeline.errors import DispatchFailed
from pypeline.tasks.brokers.frames import content_frames, publish_frame
from pypeline.tasks.brokers.messages import BODY, CONTENT_ENCODING, CONTENT_TYPE, headers_of, properties_of
from pypeline.tasks.brokers.queues import queue_of

if TYPE_CHECKING:
    from celery import Celery
    from kombu import Connection

    from pypeline.engine.dispatcher import Message

_WRITE = 200
"""Messages in one write: about 100 KB."""

_STUCK = 10.0
"""Seconds that RabbitMQ may leave us waiting in the midst of a read or a write."""


def line_to(app: Celery) -> Line:
    """A line to the broker of an application, which connects when it is first used."""
    # Nobody beats the heart of an idle publisher: with heartbeats the broker would hang up on it.
    connection = app.connection_for_write(heartbeat=0)
    kinds: dict[str, type[Line]] = {"amqp": RabbitLine, "redis": RedisLine, "kafka": KafkaLine}
    return kinds.get(connection.transport.driver_type, Line)(app, connection)


class Line:
    """
    A connection to a broker, its channel, and the queues that it has declared; one thread at a time uses it.

    It waits for no confirmation: a message that is lost is sent again by the sweep.
    """

    def __init__(self, app: Celery, connection: Connection) -> None:
        self._app = app
        self._connection = connection
        self._channel: Any = None
        self._declared: dict[str, str] = {}
        # For one that is never closed: it ends with its process, or with whoever made it.
        self._end = weakref.finalize(self, _release, connection, os.getpid())
        self.errors: tuple[type[BaseException], ...] = (
            OSError,
            OperationalError,
            BatchPublishError,
            *connection.connection_errors,
            *connection.channel_errors,
        )

    def publish(self, left: list[Message]) -> None:
        """Publish from the end of ``left`` on, taking away what was sent. Raises one of its ``errors``."""
        if self._channel is None:
            self._connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0)
            self._channel = self._connection.default_channel
        self._publish(left)

    def close(self) -> None:
        """Close the connection."""
        self._end()

    def _publish(self, left: list[Message]) -> None:
        while left:
            message = left[-1]
            self._channel.basic_publish(
                self._prepared(message), exchange="", routing_key=self._queue(message)
            )
            left.pop()

    def _queue(self, message: Message) -> str:
        """The queue of a message as the broker calls it, declared."""
        name = self._declared.get(message.queue)
        if name is None:
            # The default exchange drops what no queue takes, without a word.
            queue = queue_of(self._app, message.queue)
            queue(self._channel).declare()
            name = self._declared[message.queue] = queue.name
        return name

    def _prepared(self, message: Message) -> Any:
        return self._channel.prepare_message(
            BODY,
            content_type=CONTENT_TYPE,
            content_encoding=CONTENT_ENCODING,
            headers=headers_of(message),
            properties=properties_of(message),
        )


class RabbitLine(Line):
    """Writes many messages at once, past py-amqp, which would encode each header anew."""

    def __init__(self, app: Celery, connection: Connection) -> None:
        super().__init__(app, connection)
        self._frames: dict[str, bytes] = {}
        self._blocked = blocked = threading.Event()
        connection.transport_options = {
            "read_timeout": _STUCK,
            "write_timeout": _STUCK,
            **(connection.transport_options or {}),
            "on_blocked": lambda _: blocked.set(),
            "on_unblocked": blocked.clear,
        }

    def _publish(self, left: list[Message]) -> None:
        # Not by way of kombu: it would connect anew, behind the back of a channel that is gone.
        wire = self._channel.connection
        if wire is None:
            raise amqp.RecoverableConnectionError("the broker closed the channel")
        self._listen(wire)
        while left:
            batch = left[: -_WRITE - 1 : -1]
            wire.transport.write(b"".join(map(self._encoded, batch)))
            del left[-len(batch) :]

    def _listen(self, wire: amqp.Connection) -> None:
        """Hear what the broker has said since: that it closed the channel, or that it takes nothing now."""
        try:
            while True:
                wire.drain_events(timeout=0)
        except TimeoutError:
            pass
        if self._blocked.is_set():
            raise DispatchFailed("the broker takes no messages: it is short of memory or disk")

    def _encoded(self, message: Message) -> bytes:
        channel_id = self._channel.channel_id
        frame = self._frames.get(message.queue)
        if frame is None:
            frame = self._frames[message.queue] = publish_frame(channel_id, self._queue(message))
        return frame + content_frames(channel_id, message)


class RedisLine(Line):
    """Sends many messages in one round trip, on one client; kombu would make a client for each."""

    _batch: Any = None

    def _publish(self, left: list[Message]) -> None:
        if not self._channel.supports_batch_publish:
            super()._publish(left)
            return
        batch = self._batch = self._batch or self._channel.create_publish_batch(_WRITE)
        for message in reversed(left):
            batch.publish(self._prepared(message), exchange="", routing_key=self._queue(message))
        batch.flush()
        left.clear()


class KafkaLine(Line):
    """Publishes as kombu does, which waits for each message to be taken."""

    def __init__(self, app: Celery, connection: Connection) -> None:
        from confluent_kafka import KafkaException  # noqa: PLC0415 - an extra

        super().__init__(app, connection)
        # kombu knows of one only, a broker that is away at first; a producer's queue may also be full.
        self.errors = (*self.errors, KafkaException, BufferError)


def _release(connection: Connection, pid: int) -> None:
    if pid == os.getpid():
        connection.release()
