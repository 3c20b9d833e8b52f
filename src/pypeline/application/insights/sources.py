"""What insights are drawn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pypeline import __version__
from pypeline.application import owners
from pypeline.application.facts import DatabaseFacts, Facts
from pypeline.application.listeners import is_alive

if TYPE_CHECKING:
    from pypeline.config import Config, Settings
    from pypeline.engine import Engine
    from pypeline.store.base import Store
    from pypeline.store.records import WorkerRecord


@dataclass(frozen=True, slots=True)
class Sources:
    """
    The engine with its store, and what the process was told.

    Queues and workers are those of the broker of this process.
    """

    engine: Engine
    config: Config | None
    settings: Settings

    @property
    def store(self) -> Store:
        """The database."""
        return self.engine.store

    @property
    def has_broker(self) -> bool:
        """False where runs are embedded in one process."""
        return not owners.is_embedded(self.engine.identity.broker)

    def facts(self) -> Facts:
        """What is known of queues and workers now, for those who judge it."""
        broker = self.engine.identity.broker
        app = self.store.insights.app
        workers = [worker for worker in self.store.workers(broker) if worker.app == app]
        return Facts(
            app=app,
            version=__version__,
            lease=self.engine.lease,
            default_queue=self.settings.default_queue,
            database=DatabaseFacts("", workers=workers, queues=self.store.queues(broker)),
            config=self.config,
        )


def alive_among(facts: Facts) -> list[WorkerRecord]:
    """The workers that others may count on."""
    return [worker for worker in facts.database.workers if is_alive(worker, facts.lease)]
