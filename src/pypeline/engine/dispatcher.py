"""The ``Dispatcher`` port: how the engine hands attempts to workers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pypeline.store.records import AttemptRef


@dataclass(frozen=True, slots=True)
class Message:
    """An attempt to be sent. ``handler`` is the task's name, a dotted path."""

    ref: AttemptRef
    handler: str
    queue: str


class Dispatcher(Protocol):
    """Sends messages to the broker. A message may be lost or doubled; the engine mends both."""

    def send(self, messages: Sequence[Message]) -> None:
        """
        Put the messages on their queues, in order.

        Raises DispatchFailed if the broker is away; then some may have been sent.
        """
