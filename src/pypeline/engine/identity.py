"""Who a process is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pypeline.store.records import WorkerBeat

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Identity:
    """
    Who this process is: its worker id, the broker of its messages, the queues that it reads.

    The children of a worker have its worker id. The rest is what a worker tells of itself.
    """

    worker_id: str
    broker: str
    queues: tuple[str, ...] = ()
    service: str | None = None
    pool: str = ""
    concurrency: int = 1
    version: str = ""

    def beat(self, claims: Mapping[str, datetime]) -> WorkerBeat:
        """What a worker says of itself; ``claims`` are those since it spoke last."""
        return WorkerBeat(
            self.worker_id,
            self.broker,
            self.queues,
            service=self.service,
            pool=self.pool,
            concurrency=self.concurrency,
            version=self.version,
            claims=claims,
        )
