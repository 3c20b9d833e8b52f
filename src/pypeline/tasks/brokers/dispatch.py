"""Sending attempts through Celery's broker."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pypeline.errors import DispatchFailed
from pypeline.tasks.brokers.lines import line_to
from pypeline.tasks.brokers.shared_lines import SharedLines

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
    what it adds is used by a node. Whoever sends beside others has a connection to itself.
    """

    def __init__(self, app: Celery) -> None:
        self._lines = SharedLines(lambda: line_to(app))
        self._away_until = 0.0

    def send(self, messages: Sequence[Message]) -> None:
        """Put the messages on their queues, in order. Raises DispatchFailed if the broker is away."""
        begun = time.monotonic()
        if begun < self._away_until:
            raise DispatchFailed("the broker did not answer a moment ago")
        left = list(reversed(messages))
        if self._lines.use(lambda line: line.publish(left)) is None:
            return
        time.sleep(_PAUSE)
        error = self._lines.use(lambda line: line.publish(left), anew=True)
        if error is not None:
            # A host that answers nothing takes its time to fail: not every message is to wait for it anew.
            took = time.monotonic() - begun
            self._away_until = time.monotonic() + min(took, _LONGEST_AWAY)
            raise DispatchFailed(f"the broker does not answer: {error}") from error

    def close(self) -> None:
        """Close the connections that nobody sends on; the next `send` opens another."""
        self._lines.close()
