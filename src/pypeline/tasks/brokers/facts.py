"""What a broker says of itself, and of the queues that nodes travel through."""

from __future__ import annotations

from dataclasses import dataclass

QUORUM = "quorum"
CLASSIC = "classic"
STREAM = "stream"
LIST = "list"
TOPIC = "topic"
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Remark:
    """Something to mend: what it is ``about`` (a queue, or the product), the problem, and what to do."""

    about: str
    problem: str
    remedy: str


@dataclass(frozen=True, slots=True)
class QueueReport:
    """
    A queue as the broker has it. Its ``kind`` is one of those above, None where there is no such queue.

    ``messages`` are those that wait, ``consumers`` those who read; None where the broker does not tell.
    """

    name: str
    kind: str | None = None
    messages: int | None = None
    consumers: int | None = None

    @property
    def exists(self) -> bool:
        """True if the broker has it."""
        return self.kind is not None


@dataclass(frozen=True, slots=True)
class BrokerReport:
    """A broker, by its ``url`` without the password. Where it does not answer, ``error`` says why."""

    url: str
    error: str | None = None
    product: str | None = None
    version: str | None = None
    queues: tuple[QueueReport, ...] = ()
    remarks: tuple[Remark, ...] = ()

    @property
    def reachable(self) -> bool:
        """True if it answered."""
        return self.error is None
