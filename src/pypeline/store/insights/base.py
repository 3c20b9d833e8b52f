"""
The port of insights: what pages and meters ask of a database about many runs at once.

As in `pypeline.store.base` all times come from the database's clock; runs and schedules are those of one
application. Each question reads a bounded number of rows, which its docstring states.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from pypeline.runs.states import NodeState, RunState
    from pypeline.store.insights.records import (
        AttemptPlace,
        AttemptTally,
        Cell,
        Endings,
        FailureRecord,
        Happened,
        Lateness,
        NodeTally,
        RunBrief,
        ScheduleOutlook,
        SwitchedOff,
    )
    from pypeline.store.records import AttemptRecord


class InsightStore(Protocol):
    """Questions that change nothing, about the runs and schedules of ``app``."""

    app: str

    # — all runs —

    def endings(self) -> Endings:
        """How the runs of the last week ended: of the newest 50,000 that were created in the last 8 days."""

    def open_runs(self) -> Mapping[tuple[str, RunState], int]:
        """How many runs have not ended, by pipeline and state."""

    def busy(self) -> Mapping[str, int]:
        """How many attempts each worker runs now; one that runs none is missing."""

    def pipeline_ids(self, *, limit: int, after: str = "") -> list[str]:
        """The pipelines that have runs, and the tasks that were run by themselves, by id."""

    def failing(self, *, limit: int) -> list[str]:
        """Those of the first ``limit`` pipelines whose newest run that succeeded or failed has failed."""

    def last_runs(self, pipeline_ids: Sequence[str], *, limit: int) -> dict[str, list[RunBrief]]:
        """The newest runs of each of the pipelines, newest first."""

    def grid(self, run_ids: Sequence[str], *, limit: int) -> list[Cell]:
        """The nodes of these runs at the first ``limit`` positions, without their items, in order."""

    # — one run —

    def item_counts(self, run_id: str, position: int) -> Mapping[NodeState, int]:
        """How many items of a ``forEach`` node are in each state; empty of any other node."""

    def history(self, run_id: str, position: int, item: int, *, limit: int) -> list[AttemptRecord]:
        """The newest attempts of a node or item that failed or were lost, newest first."""

    def logs(self, run_id: str, position: int, item: int, *, limit: int) -> list[tuple[int, str]]:
        """What its newest attempts logged and printed: (attempt, text), newest first."""

    def happened(self, run_id: str, *, limit: int, before: AttemptPlace | None = None) -> list[Happened]:
        """The attempts of a run that failed or were lost, newest first, from behind a place on."""

    def failures(self, *, seconds: float, limit: int, pipeline_id: str | None = None) -> list[FailureRecord]:
        """
        What failed in runs that were created within so many seconds, and has not been retried, newest first.

        Of the newest 50,000 such runs, of one pipeline where it is named.
        """

    # — schedules —

    def outlook(self, *, grace: float) -> ScheduleOutlook:
        """What schedules do next; ``overdue`` are at most 1,000 due for more than ``grace`` seconds."""

    def switched_off(self, *, limit: int) -> list[SwitchedOff]:
        """The schedules that the scheduler switched off, by id."""

    def next_due(self) -> dict[str, datetime]:
        """When each pipeline or task is due next that has a schedule which is on."""

    # — the last hour, for meters —

    def ended_within(self, seconds: float) -> Mapping[tuple[str, RunState], int]:
        """How many runs ended, by pipeline and state: of the newest 50,000 of the last 8 days."""

    def node_tallies(self, seconds: float, *, limit: int) -> list[NodeTally]:
        """The nodes of runs that are open, or were created within so many seconds: at most ``limit``."""

    def attempt_tallies(self, seconds: float) -> list[AttemptTally]:
        """The attempts of such runs that did not succeed and ended within so many seconds."""

    def lateness(self, seconds: float) -> Lateness:
        """
        How late the runs were that schedules started within so many seconds.

        Of due times before that only the newest of each schedule counts.
        """
