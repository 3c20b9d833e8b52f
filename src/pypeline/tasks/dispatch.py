"""Sending attempts through Celery's broker."""

from __future__ import annotations

import os
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any

from kombu.exceptions import OperationalError

from pypeline.errors import DispatchFailed
from pypeline.tasks.messages import BODY, CONTENT_ENCODING, CONTENT_TYPE, headers_of, properties_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from celery import Celery
    from kombu import Connection

    from pypeline.engine.dispatcher import Message

_PAUSE = 0.1
"""Seconds before a publish that failed is tried once more: the sweep sends again what stays behind."""

_LONGEST_AWAY = 5.0


class CeleryDispatcher:
    """
    Implements `pypeline.engine.dispatcher.Dispatcher` on the broker of a Celery application.

    It publishes on the channel directly: Celery's ``apply_async`` costs several times as much, and nothing of
    what it adds is used by a node. Each thread keeps a connection of its own.
    """

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._local = threading.local()
        self._inherited: list[_Line] = []
        self._away_until = 0.0

    def send(self, messages: Sequence[Message]) -> None:
        """Put the messages on their queues, in order. Raises DispatchFailed if the broker is away."""
        begun = time.monotonic()
        if begun < self._away_until:
            raise DispatchFailed("the broker did not answer a moment ago")
        left = list(reversed(messages))
        if self._publish(left) is None:
            return
        time.sleep(_PAUSE)
        error = self._publish(left)
        if error is not None:
            # A host that answers nothing takes its time to fail: not every message is to wait for it anew.
            took = time.monotonic() - begun
            self._away_until = time.monotonic() + min(took, _LONGEST_AWAY)
            raise DispatchFailed(f"the broker does not answer: {error}") from error

    def close(self) -> None:
        """Close the connection of the calling thread; the next `send` opens another."""
        line, self._local.line = getattr(self._local, "line", None), None
        if line is not None:
            line.close()

    def _publish(self, left: list[Message]) -> BaseException | None:
        """Publish what is left, taking away what was sent; answers the error that broke it off, if any."""
        line = self._line()
        try:
            line.publish(left)
        except line.errors as error:
            self.close()
            return error
        return None

    def _line(self) -> _Line:
        line: _Line | None = getattr(self._local, "line", None)
        if line is not None and line.pid != os.getpid():
            # Made before a fork, it is the parent's: even to forget it would shut the parent's socket.
            self._inherited.append(line)
            line = None
        if line is None:
            line = self._local.line = _Line(self._app)
        return line


class _Line:
    """One thread's connection to the broker, its channel, and the queues that it has declared."""

    def __init__(self, app: Celery) -> None:
        self.pid = os.getpid()
        self._queues = app.amqp.queues
        # Nobody beats the heart of an idle publisher: with heartbeats the broker would hang up on it.
        self._connection = app.connection_for_write(heartbeat=0)
        self._channel: Any = None
        self._declared: set[str] = set()
        # The line ends with its thread.
        self._end = weakref.finalize(self, _release, self._connection, self.pid)
        self.errors: tuple[type[BaseException], ...] = (
            OSError,
            OperationalError,
            *self._connection.connection_errors,
            *self._connection.channel_errors,
        )

    def publish(self, left: list[Message]) -> None:
        """Publish from the end of ``left`` on, taking away what was sent."""
        if self._channel is None:
            self._connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0)
            self._channel = self._connection.default_channel
        while left:
            self._send(left[-1])
            left.pop()

    def close(self) -> None:
        """Close the connection."""
        self._end()

    def _send(self, message: Message) -> None:
        if message.queue not in self._declared:
            # The default exchange drops what no queue takes, without a word.
            self._queues[message.queue](self._channel).declare()
            self._declared.add(message.queue)
        prepared = self._channel.prepare_message(
            BODY,
            content_type=CONTENT_TYPE,
            content_encoding=CONTENT_ENCODING,
            headers=headers_of(message),
            properties=properties_of(message),
        )
        self._channel.basic_publish(prepared, exchange="", routing_key=message.queue)


def _release(connection: Connection, pid: int) -> None:
    if pid == os.getpid():
        connection.release()
