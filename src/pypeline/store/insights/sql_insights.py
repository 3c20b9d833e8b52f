"""``SqlInsights``: the port of insights on a SQL database."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pypeline.store.insights import activity, details, failures, grid, outlook, strips, tallies

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from pypeline.runs.states import NodeState, RunState
    from pypeline.store.connections import Connections
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


class SqlInsights:
    """Insights into the runs of one application (``app``), on the connections of its store."""

    def __init__(self, connections: Connections, *, app: str) -> None:
        self._read = connections.read
        self.app = app

    # ruff: noqa: D102 - the docstrings of all that follows stand in the port

    def endings(self) -> Endings:
        return self._read(partial(activity.endings, app=self.app))

    def open_runs(self) -> Mapping[tuple[str, RunState], int]:
        return self._read(partial(activity.open_runs, app=self.app))

    def busy(self) -> Mapping[str, int]:
        return self._read(partial(activity.busy, app=self.app))

    def pipeline_ids(self, *, limit: int, after: str = "") -> list[str]:
        return self._read(partial(strips.pipeline_ids, limit=limit, after=after, app=self.app))

    def failing(self, *, limit: int) -> list[str]:
        return self._read(partial(strips.failing, limit=limit, app=self.app))

    def last_runs(self, pipeline_ids: Sequence[str], *, limit: int) -> dict[str, list[RunBrief]]:
        return self._read(partial(strips.last_runs, pipelines=pipeline_ids, limit=limit, app=self.app))

    def grid(self, run_ids: Sequence[str], *, limit: int) -> list[Cell]:
        return self._read(partial(grid.grid, run_ids=run_ids, limit=limit))

    def item_counts(self, run_id: str, position: int) -> Mapping[NodeState, int]:
        return self._read(partial(details.item_counts, run_id=run_id, position=position))

    def history(self, run_id: str, position: int, item: int, *, limit: int) -> list[AttemptRecord]:
        return self._read(lambda tx: details.history(tx, run_id, position, item, limit=limit))

    def logs(self, run_id: str, position: int, item: int, *, limit: int) -> list[tuple[int, str]]:
        return self._read(lambda tx: details.logs(tx, run_id, position, item, limit=limit))

    def happened(self, run_id: str, *, limit: int, before: AttemptPlace | None = None) -> list[Happened]:
        return self._read(partial(details.happened, run_id=run_id, limit=limit, before=before))

    def failures(self, *, seconds: float, limit: int, pipeline_id: str | None = None) -> list[FailureRecord]:
        newest = partial(failures.failures, seconds=seconds, limit=limit, app=self.app)
        return self._read(partial(newest, pipeline_id=pipeline_id))

    def outlook(self, *, grace: float) -> ScheduleOutlook:
        return self._read(partial(outlook.outlook, grace=grace, app=self.app))

    def switched_off(self, *, limit: int) -> list[SwitchedOff]:
        return self._read(partial(outlook.switched_off, limit=limit, app=self.app))

    def next_due(self) -> dict[str, datetime]:
        return self._read(partial(outlook.next_due, app=self.app))

    def ended_within(self, seconds: float) -> Mapping[tuple[str, RunState], int]:
        return self._read(partial(activity.ended_within, seconds=seconds, app=self.app))

    def node_tallies(self, seconds: float, *, limit: int) -> list[NodeTally]:
        return self._read(partial(tallies.node_tallies, seconds=seconds, limit=limit, app=self.app))

    def attempt_tallies(self, seconds: float) -> list[AttemptTally]:
        return self._read(partial(tallies.attempt_tallies, seconds=seconds, app=self.app))

    def lateness(self, seconds: float) -> Lateness:
        return self._read(partial(outlook.lateness, seconds=seconds, app=self.app))
