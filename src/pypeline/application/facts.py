"""What is known of an installation before anybody judges it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from pypeline.config import Config
    from pypeline.store.records import QueueRecord, WorkerRecord
    from pypeline.store.schedules.records import BeatRecord, ScheduleRecord


class BrokerRemark(Protocol):
    """Something to mend in a broker."""

    @property
    def about(self) -> str:
        """The queue, or the product."""

    @property
    def problem(self) -> str:
        """What is wrong."""

    @property
    def remedy(self) -> str:
        """What to do."""


class BrokerQueue(Protocol):
    """A queue as the broker has it; ``kind`` None where it has none of that name."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def kind(self) -> str | None:
        """What it is: ``quorum``, ``classic``, ``list``."""

    @property
    def messages(self) -> int | None:
        """How many wait; None where that is not known."""


class BrokerFacts(Protocol):
    """What a broker says of itself; ``error`` where it does not answer."""

    @property
    def url(self) -> str:
        """Its address, without a password."""

    @property
    def error(self) -> str | None:
        """Why it does not answer."""

    @property
    def product(self) -> str | None:
        """What it is."""

    @property
    def version(self) -> str | None:
        """Which version."""

    @property
    def queues(self) -> Sequence[BrokerQueue]:
        """Those that it was asked about."""

    @property
    def remarks(self) -> Sequence[BrokerRemark]:
        """What it could do better."""


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """
    The database: ``error`` where it cannot be used, which tells from ``answers`` why.

    ``now`` is its time, which this host's clock is so many seconds ``ahead`` of.
    """

    url: str
    level: int = 0
    answers: bool = True
    error: str | None = None
    ahead: float = 0.0
    workers: Sequence[WorkerRecord] = ()
    queues: Sequence[QueueRecord] = ()
    now: datetime | None = None
    schedules: Sequence[ScheduleRecord] = ()
    beats: Sequence[BeatRecord] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """
    All of it. ``config`` is None where the file has ``faults``; ``broker`` is None where none is set.

    ``weak_pools`` maps the pools that cannot end a handler that hangs to what they do instead.
    """

    app: str
    version: str
    lease: float
    default_queue: str
    database: DatabaseFacts
    config: Config | None = None
    faults: Sequence[str] = ()
    broker: BrokerFacts | None = None
    weak_pools: Mapping[str, str] = field(default_factory=dict)
