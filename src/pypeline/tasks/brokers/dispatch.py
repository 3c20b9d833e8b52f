"""Sending attempts through Celery's broker."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pypeline.errors import DispatchFailed
from pypeline.tasks.brokers.lines import line_to
from pypeline.tasks.brokers.per_thread import PerThread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from celery import Celery

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
        self._lines = PerThread(lambda: line_to(app))
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
        self._lines.close()

    def _publish(self, left: list[Message]) -> BaseException | None:
        """Publish what is left, taking away what was sent; answers the error that broke it off, if any."""
        line = self._lines.get()
        try:
            line.publish(left)
        except line.errors as error:
            self.close()
            return error
        return None
