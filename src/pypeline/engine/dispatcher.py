"""The ``Dispatcher`` port: how the engine hands attempts to workers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pypeline.store.records import AttemptRef

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pypeline.runs.plan import Plan
    from pypeline.store.records import Ready


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


def messages_of(
    run_id: str, plan: Plan, replacements: Mapping[str, int], ready: Iterable[Ready]
) -> list[Message]:
    """The messages of what a transaction of one run queued."""
    return [
        Message(
            ref=AttemptRef(run_id, node.position, node.item, node.attempt),
            handler=plan.handler(node.position, replacements),
            queue=plan.steps[node.position].queue,
        )
        for node in ready
    ]
