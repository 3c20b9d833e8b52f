"""The ``BareTasks`` port: tasks that no run tracks, handed to the broker as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pypeline.types import JsonObject


@dataclass(frozen=True, slots=True)
class BareTask:
    """A handler to be called with an event; ``max_ttl`` is in seconds."""

    handler: str
    event: JsonObject
    queue: str
    max_ttl: float | None = None


class BareTasks(Protocol):
    """Sends tasks of which nothing but the broker knows."""

    def send(self, tasks: Iterable[BareTask]) -> list[str]:
        """
        Put the tasks on their queues, in order; answers their ids, once the broker has them all.

        Raises NotPublished, which has the ids of those that it took.
        """
