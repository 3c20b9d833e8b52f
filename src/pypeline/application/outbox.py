"""Whether the broker took what a door sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pypeline.errors import DispatchFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pypeline.engine.dispatcher import Dispatcher, Message


class Outbox:
    """
    A `Dispatcher` on another one, for doors: it keeps what went wrong instead of raising it.

    Nothing is lost by that: what the broker did not take is queued in the database, and a worker's sweep
    sends it again.
    """

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self.problem: str | None = None
        """Why the broker did not take the last messages; None if it did."""

    def send(self, messages: Sequence[Message]) -> None:
        """Put the messages on their queues, in order."""
        self.problem = None
        try:
            self._dispatcher.send(messages)
        except DispatchFailed as error:
            self.problem = str(error)
