"""Who reads the queues of a broker now, and what a queued node therefore waits for."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pypeline.application import owners

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pypeline.store.base import Store
    from pypeline.store.records import RunRecord, RunVersion, WorkerRecord


@dataclass(frozen=True, slots=True)
class Listeners:
    """
    The queues that live workers read, and how many nodes wait in each.

    ``read`` is None where that is not known: a broker inside one process has its own worker.
    """

    read: frozenset[str] | None = None
    queued: Mapping[str, int] = field(default_factory=dict)

    @property
    def mark(self) -> str:
        """A short text that is another one where these are."""
        known = (None if self.read is None else sorted(self.read), sorted(self.queued.items()))
        return hashlib.sha256(repr(known).encode()).hexdigest()[:12]

    def why_queued(self, queue: str) -> str:
        """What a node in this queue waits for, in words."""
        if self.read is not None and queue not in self.read:
            return f"no worker listens on queue {queue}"
        waiting = self.queued.get(queue, 0)
        among = f", {waiting:,} queued there" if waiting > 1 else ""
        return f"waits for a worker on queue {queue}{among}"


NOBODY_ASKED = Listeners()
"""Stands in where it was not looked up."""


def listeners_of(store: Store, run: RunRecord | RunVersion, *, lease: float) -> Listeners:
    """Who could take the queued nodes of this run; a worker that is silent for a lease is not counted."""
    if owners.is_embedded(run.broker):
        return NOBODY_ASKED
    alive = [
        worker for worker in store.workers(run.broker) if worker.app == run.app and is_alive(worker, lease)
    ]
    read = frozenset(queue for worker in alive for queue in worker.queues)
    return Listeners(read, {queue.name: queue.queued for queue in store.queues(run.broker)})


def is_alive(worker: WorkerRecord, lease: float) -> bool:
    """True while others may count on this worker: its last sign is younger than a lease."""
    return worker.silent <= lease
