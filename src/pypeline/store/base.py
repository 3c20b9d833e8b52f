"""
The ``Store`` port: what the engine asks of a database.

Each method of `Store` is one transaction, and names the state that it leaves: a move whose row is no longer
in that state does not happen. All times come from the database's clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pypeline.store.records import NODE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from pypeline.runs.outcome import ErrorInfo, Outcome
    from pypeline.runs.plan import Plan
    from pypeline.runs.states import Flag, NodeState, RunState
    from pypeline.store.audit_base import AuditStore
    from pypeline.store.insights.base import InsightStore
    from pypeline.store.records import (
        AttemptRecord,
        AttemptRef,
        Claim,
        Created,
        NewRun,
        NodeRecord,
        ProgressReport,
        QueueRecord,
        Ready,
        Recorded,
        Resent,
        RunContext,
        RunFilter,
        RunRecord,
        RunVersion,
        WorkerBeat,
        WorkerRecord,
    )
    from pypeline.store.retention_base import RetentionStore
    from pypeline.store.schedules.base import ScheduleStore
    from pypeline.types import JsonObject


class ProgressStore(Protocol):
    """How far attempts are by their own account: shown to people, and decides nothing."""

    def note(self, reports: Iterable[ProgressReport]) -> None:
        """
        Keep what attempts say of themselves; of each the last report counts.

        A report of an attempt that a later one has followed is dropped. It need not survive a crash of the
        database's machine.
        """


class Store(Protocol):
    """The only truth about runs. Implementations are safe to use from several threads."""

    schedules: ScheduleStore
    progress: ProgressStore
    retention: RetentionStore
    insights: InsightStore
    audit: AuditStore

    def close(self) -> None:
        """Close every connection that it holds."""

    # — the life of a run —

    def create_run(self, plan: Plan, new: NewRun) -> Created:
        """
        Insert a run with its nodes, its roots queued, and the definition if it is new. Durable.

        Raises IdempotencyConflict where the key names a run with another body.
        """

    def create_runs(self, batch: Sequence[tuple[Plan, NewRun]]) -> list[Created]:
        """As `create_run`, of several without idempotency keys: all of them, or none. Durable."""

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

    def beat(self, beat: WorkerBeat, held: Iterable[AttemptRef], *, lease: float) -> frozenset[str]:
        """
        Say that a worker lives and renew its leases; answers which of the held runs are flagged.

        An attempt that another worker holds by now is left alone.
        """

    def held(self, ref: AttemptRef, *, worker: str) -> Claim | None:
        """The claim of a running attempt that this worker holds: for a parent whose child has died."""

    def note_claims(self, broker: str, claims: Mapping[str, datetime]) -> None:
        """Say between two beats which messages were claimed: as `WorkerBeat.claims`."""

    def flagged_among(self, run_ids: Iterable[str]) -> frozenset[str]:
        """Which of these runs are flagged."""

    def forget_worker(self, worker_id: str) -> None:
        """Drop what is known of a worker: it ends well."""

    def begin_sweep(self, broker: str, *, interval: float, lease: float) -> bool:
        """
        True if this caller is to sweep now: nobody else did within ``interval`` seconds.

        Where the last sweep is older than ``lease``, all leases are extended by one first: nobody is
        charged for an outage. Workers that were silent for a day are forgotten.
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

    def run_version(self, run_id: str) -> RunVersion:
        """
        A short text that changes whenever the run's document does: one indexed read, for who asks often.

        But for why a queued node waits, which others decide. It stays the same while nothing shown changes:
        a renewed lease does not count. Raises UnknownRun.
        """

    def runs(self, wanted: RunFilter) -> list[RunRecord]:
        """Runs, newest first."""

    def runs_version(self, wanted: RunFilter) -> str:
        """A short text that changes whenever one of these runs, its counts, or which they are, does."""

    def nodes(
        self,
        run_id: str,
        *,
        limit: int,
        states: frozenset[NodeState] = frozenset(),
        items: bool = True,
        after: tuple[int, int] | None = None,
        position: int | None = None,
    ) -> list[NodeRecord]:
        """
        Nodes of a run by position and item: the first, or those that follow the place ``after``.

        Those in ``states``, where any are named; without ``items`` the nodes alone; of one ``position`` the
        node and its items.
        """

    def node(self, run_id: str, position: int, item: int = NODE) -> NodeRecord | None:
        """One node or item; None if there is none."""

    def attempts(self, run_id: str) -> list[AttemptRecord]:
        """The history of a run: attempts that did not succeed, oldest first."""

    def result(self, run_id: str, position: int) -> str | None:
        """A node's result as JSON text; None where it has none, or where `elements` holds it."""

    def element_count(self, run_id: str, position: int) -> int | None:
        """How many elements a result has that is kept in parts; None for any other, or none."""

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

    def workers(self, broker: str) -> list[WorkerRecord]:
        """The workers of a broker by id, of every application."""

    def queues(self, broker: str) -> list[QueueRecord]:
        """The queues of a broker by name, in which nodes of this application wait, or with known claims."""

    def clock(self) -> datetime:
        """What the database takes for the time."""
