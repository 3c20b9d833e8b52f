"""
The ``Store`` port: what the engine asks of a database, and the records that it answers with.

Each method of `Store` is one transaction, and names the state that it leaves: a move whose row is no longer
in that state does not happen. All times are aware UTC and come from the database's clock. Item ``-1`` of a
position is the node itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from pypeline.runs.outcome import ErrorInfo, Outcome
    from pypeline.runs.plan import Plan
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
class NodeRecord:
    """
    A node (``item`` None) or one of its items as it stands.

    ``result`` is JSON text; None where there is none, or where it is kept in so many ``elements``.
    ``items`` is how many a ``forEach`` node has. ``waiting`` counts the predecessors (or, of a ``forEach``
    node that runs, the items) that have not ended.
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

    ``claims`` maps each queue that it claimed from to the ``sent_at`` of the newest message among them.
    """

    worker_id: str
    broker: str
    queues: tuple[str, ...]
    claims: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Resent:
    """Nodes of one run that the sweep queued again, or for the first time since their delay passed."""

    run_id: str
    ready: tuple[Ready, ...]


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs to list, newest first: all conditions must hold. ``prefix`` is how their ids begin."""

    pipeline_id: str | None = None
    states: frozenset[RunState] = frozenset()
    limit: int = 50
    after: str | None = None
    prefix: str | None = None


class Store(Protocol):
    """The only truth about runs. Implementations are safe to use from several threads."""

    def close(self) -> None:
        """Close every connection that it holds."""

    # — the life of a run —

    def create_run(self, plan: Plan, new: NewRun) -> Created:
        """
        Insert a run with its nodes, its roots queued, and the definition if it is new. Durable.

        Raises IdempotencyConflict where the key names a run with another body.
        """

    def claim(self, ref: AttemptRef, *, token: str, worker: str, lease: float) -> Claim | None:
        """
        Move an attempt from queued to running, with a lease of that many seconds.

        None if it is not that attempt's turn (a copy, a cancelled run). Safe to repeat with the same token.
        """

    def record(self, plan: Plan, claim: Claim, outcome: Outcome, *, delay: float | None = None) -> Recorded:
        """
        Store how a running attempt ended, and queue what that unlocks.

        ``delay`` is the seconds until the next attempt of a failed one; None makes the failure final. Safe
        to repeat: only the holder of the token is accepted, once.
        """

    def lose(self, plan: Plan, lost: Claim, *, delay: float | None, error: ErrorInfo) -> Recorded:
        """As `record` of a failure, but only while the attempt's lease is still lapsed."""

    def give_back(self, claim: Claim) -> Ready | None:
        """Queue a running attempt again, uncharged, under the next attempt number; None if it is not held."""

    def cancel(self, plan: Plan, run_id: str, flag: Flag) -> RunState:
        """
        Flag a run and end what waits in it; answers the run's state after. Durable.

        What runs may end by itself. Safe to repeat; a terminal run is left as it is.
        """

    def reset(self, plan: Plan, run_id: str, *, from_position: int | None, broker: str) -> tuple[Ready, ...]:
        """
        Open a finished run again, on this broker. Durable.

        What did not succeed is done again, and ``from_position``, with all that follows them. Results of
        the others are kept. Attempt numbers go on. Raises NotPossible where nothing is to be done again.
        """

    def take_over(self, plan: Plan, run_id: str, *, owner: str, broker: str) -> tuple[Ready, ...]:
        """
        Continue an unfinished run of the broker ``owner``, whose process is gone, on another broker. Durable.

        What was queued or running there is queued again, uncharged. Raises NotPossible if ``owner`` is no
        longer its broker.
        """

    # — the sweep, and the beat of a worker —

    def beat(self, beat: WorkerBeat, held: Iterable[Claim], *, lease: float) -> frozenset[str]:
        """Say that a worker lives and renew its leases; answers which of the held runs are flagged."""

    def begin_sweep(self, broker: str, *, interval: float, lease: float) -> bool:
        """
        True if this caller is to sweep now: nobody else did within ``interval`` seconds.

        Where the last sweep is older than ``lease``, all leases are extended by one first: nobody is
        charged for an outage.
        """

    def queue_due(self, broker: str, *, limit: int) -> list[Resent]:
        """Queue the retrying nodes whose delay has passed."""

    def lapsed(self, broker: str, *, limit: int) -> list[tuple[Claim, str]]:
        """Running attempts whose lease has lapsed, each with the worker that held it."""

    def requeue_unclaimed(self, broker: str, *, margin: float, grace: float, limit: int) -> list[Resent]:
        """
        Queue again, under the next attempt number, what the broker seems to have lost.

        That is a queued node if one that was sent ``margin`` seconds later on its queue was claimed; and
        the oldest ``limit`` of a queue that saw no claim for ``grace`` seconds. The rest is backlog, and
        left alone.
        """

    def overdue(self, broker: str, *, limit: int) -> list[str]:
        """Unfinished, unflagged runs whose deadline has passed."""

    def flagged(self, broker: str, *, limit: int) -> list[str]:
        """Unfinished runs that are flagged and hold waiting nodes."""

    def with_room(self, broker: str, *, limit: int) -> list[str]:
        """Runs bounded by ``maxConcurrency`` that have room and nodes that are ready for it."""

    def admit(self, run_id: str) -> tuple[Ready, ...]:
        """Queue the ready nodes that a run's ``maxConcurrency`` has room for."""

    # — questions —

    def context(self, run_id: str) -> RunContext:
        """What the attempts of a run share. Raises UnknownRun."""

    def definition(self, definition_id: str) -> JsonObject:
        """The document of a definition, as it was written."""

    def run(self, run_id: str) -> RunRecord:
        """One run. Raises UnknownRun."""

    def run_state(self, run_id: str) -> RunState:
        """The state alone: cheap enough to poll. Raises UnknownRun."""

    def runs(self, wanted: RunFilter) -> list[RunRecord]:
        """Runs, newest first."""

    def nodes(
        self, run_id: str, *, limit: int, states: frozenset[NodeState] = frozenset(), items: bool = True
    ) -> list[NodeRecord]:
        """The first nodes of a run by position and item; without ``items`` the nodes alone."""

    def node(self, run_id: str, position: int, item: int = NODE) -> NodeRecord | None:
        """One node or item; None if there is none."""

    def attempts(self, run_id: str) -> list[AttemptRecord]:
        """The history of a run: attempts that did not succeed, oldest first."""

    def result(self, run_id: str, position: int) -> str | None:
        """A node's result as JSON text; None where it has none, or where `elements` holds it."""

    def element_count(self, run_id: str, position: int) -> int | None:
        """How many elements a node's result has, where it is kept in parts; else None."""

    def elements(
        self, run_id: str, position: int, start: int = 0, stop: int | None = None
    ) -> Iterator[str | None]:
        """
        The JSON texts of a result that is kept in parts: a list that is mapped over, or the results of items.

        In order; None for an item that failed or was skipped. Reads in constant memory.
        """

    def logs(self, run_id: str, position: int, item: int = NODE) -> list[tuple[int, str]]:
        """What the attempts of a node logged and printed: (attempt, text), oldest first."""

    def owner_seen(self, broker: str) -> float | None:
        """Seconds since a worker of this broker was last seen; None if never."""


def group_ready(rows: Sequence[tuple[str, int, int, int]]) -> list[Resent]:
    """``(run, position, item, attempt)`` rows, in order of the run, as one `Resent` a run."""
    found: dict[str, list[Ready]] = {}
    for run_id, position, item, attempt in rows:
        found.setdefault(run_id, []).append(Ready(position, item, attempt))
    return [Resent(run_id, tuple(ready)) for run_id, ready in found.items()]
