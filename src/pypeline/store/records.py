"""
The values that a store takes and answers with.

Times are aware UTC. Item `NODE` of a position is the node itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pypeline.runs.outcome import ErrorInfo
    from pypeline.runs.states import Flag, NodeState, RunState
    from pypeline.types import JsonObject

NODE = -1
"""The ``item`` of a node itself."""


@dataclass(frozen=True, slots=True)
class AttemptRef:
    """One attempt of one node or item: what a message carries."""

    run_id: str
    position: int
    item: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Ready:
    """A node or item that this transaction queued: to be dispatched after the commit."""

    position: int
    item: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Claim:
    """
    The right to record one attempt. ``tries`` counts the charged attempts before it.

    ``sent_at`` tells which message was claimed: the sweep compares it to those still queued.
    """

    ref: AttemptRef
    token: str
    tries: int
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run to create. ``broker`` is where its messages go."""

    run_id: str
    payload: JsonObject
    trigger: str
    broker: str
    replacements: Mapping[str, int] = field(default_factory=dict)
    idempotency_key: str | None = None
    body_hash: str | None = None


@dataclass(frozen=True, slots=True)
class Created:
    """What `Store.create_run` did; ``existing`` where the idempotency key named a run that was there."""

    run_id: str
    ready: tuple[Ready, ...]
    existing: bool = False


@dataclass(frozen=True, slots=True)
class Recorded:
    """
    Whether an outcome was ``accepted``, what it queued, and the run's state if it ended.

    A copy, a zombie or a late report is not accepted and changes nothing.
    """

    accepted: bool
    ready: tuple[Ready, ...] = ()
    finished: RunState | None = None


@dataclass(frozen=True, slots=True)
class RunContext:
    """What the attempts of one run have in common; it does not change while the run lives."""

    run_id: str
    pipeline_id: str
    definition_id: str
    payload: JsonObject
    replacements: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run as it stands. ``counts`` has every node state, items counted beside their nodes."""

    run_id: str
    app: str
    pipeline_id: str
    definition_id: str
    broker: str
    state: RunState
    flag: Flag | None
    trigger: str
    payload: JsonObject
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    error: str | None
    counts: Mapping[NodeState, int]


@dataclass(frozen=True, slots=True)
class RunVersion:
    """
    ``text`` is another one whenever the run, its counts, nodes or their progress are.

    What a queued node waits for depends on workers and other runs, and is not in it: ``has_queued`` says
    that it matters, ``app`` and ``broker`` whose they are.
    """

    text: str
    app: str
    broker: str
    has_queued: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an attempt is by its own account; ``total`` is None where it did not say."""

    done: float
    total: float | None = None


@dataclass(frozen=True, slots=True)
class ProgressReport:
    """What an attempt says of itself."""

    ref: AttemptRef
    progress: Progress


@dataclass(frozen=True, slots=True)
class NodeRecord:
    """
    A node (``item`` None) or one of its items as it stands.

    ``result`` is JSON text; None where there is none, or where it is kept in so many ``elements``.
    ``items`` is how many a ``forEach`` node has. ``waiting`` counts the predecessors (or, of a ``forEach``
    node that runs, the items) that have not ended. ``progress`` is that of the latest attempt.
    """

    name: str
    position: int
    item: int | None
    state: NodeState
    attempt: int
    tries: int
    waiting: int
    queue: str
    worker: str | None
    queued_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    due_at: datetime | None
    result: str | None
    elements: int | None
    items: int | None
    error: ErrorInfo | None
    progress: Progress | None = None

    @property
    def place(self) -> tuple[int, int]:
        """Position and item: what nodes are ordered by."""
        return self.position, NODE if self.item is None else self.item


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """An attempt that failed or was lost."""

    ref: AttemptRef
    outcome: str
    worker: str | None
    started_at: datetime | None
    finished_at: datetime
    error: ErrorInfo | None


@dataclass(frozen=True, slots=True)
class WorkerBeat:
    """
    What a worker says of itself at each beat: who it is, and what it has claimed since the last one.

    ``clock`` is what its host takes for the time. ``claims`` maps each queue that it claimed from to the
    ``sent_at`` of the newest message among them.
    """

    worker_id: str
    broker: str
    queues: tuple[str, ...]
    service: str | None = None
    pool: str = ""
    concurrency: int = 1
    version: str = ""
    clock: datetime = field(default_factory=lambda: datetime.now(UTC))
    claims: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WorkerRecord:
    """
    A worker as its last beat told.

    ``silent`` is how many seconds ago that was, by the database's clock; ``skew`` how many seconds the
    clock of its host was ahead of the database's.
    """

    worker_id: str
    app: str
    broker: str
    queues: tuple[str, ...]
    service: str | None
    pool: str
    concurrency: int
    version: str
    started_at: datetime
    seen_at: datetime
    silent: float
    skew: float


@dataclass(frozen=True, slots=True)
class QueueRecord:
    """
    A queue: how many nodes wait in it, and the seconds since the oldest of them was sent.

    ``claimed`` is the seconds since a worker last said that it claimed from it; None if never.
    """

    name: str
    queued: int
    oldest: float | None
    claimed: float | None


@dataclass(frozen=True, slots=True)
class Resent:
    """Nodes of one run that the sweep queued again, or for the first time since their delay passed."""

    run_id: str
    ready: tuple[Ready, ...]


@dataclass(frozen=True, slots=True)
class RunFilter:
    """
    Which runs to list, newest first: all conditions must hold.

    ``prefix`` is how their ids begin, ``broker`` where their messages go. A ``trigger`` that ends with ``*``
    is how theirs begin. ``created_from`` is inclusive, ``created_before`` is not. ``after`` is the id of the
    run that the page follows, and ``after_at`` its ``created_at``: with both it need not be there any more.
    """

    pipeline_id: str | None = None
    states: frozenset[RunState] = frozenset()
    limit: int = 50
    after: str | None = None
    prefix: str | None = None
    broker: str | None = None
    trigger: str | None = None
    created_from: datetime | None = None
    created_before: datetime | None = None
    after_at: datetime | None = None
