"""What failed lately, in all runs."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pypeline.store.insights.activity import MOST_RUNS
from pypeline.store.insights.records import FailureRecord
from pypeline.store.insights.spans import ending, member
from pypeline.store.records import NODE
from pypeline.store.workers import clock

if TYPE_CHECKING:
    from pypeline.store.connections import Transaction
    from pypeline.store.dialects import Dialect

_MESSAGE = 500
_TRACE = 2000

# From the attempts, which are kept of failures alone, to the nodes that have had no other since: the nodes
# of a run are not read for the few that failed.
_FAILURES = """
    SELECT r.id, r.pipeline_id, n.name, n.position, n.item, {type}, substr({message}, 1, :message),
        {trace}, a.finished_at
    FROM (
        SELECT id, pipeline_id, created_at FROM pypeline_run
        WHERE app = :app AND created_at >= :since {condition}
            AND state IN ('running', 'failed', 'cancelled')
        ORDER BY created_at DESC, id DESC LIMIT :most) AS r
    JOIN pypeline_attempt a ON a.run_id = r.id
    JOIN pypeline_node n
        ON n.run_id = a.run_id AND n.position = a.position AND n.item = a.item AND n.attempt = a.attempt
    WHERE n.state || '' = 'failed' AND a.error IS NOT NULL
    ORDER BY a.finished_at DESC, r.id, n.position, n.item LIMIT :limit
"""
_OF_PIPELINE = "AND pipeline_id = :pipeline"


def failures(
    tx: Transaction, *, seconds: float, limit: int, pipeline_id: str | None, app: str
) -> list[FailureRecord]:
    """The failed nodes and items of the runs of the last while."""
    since = tx.dialect.moment(clock(tx) - timedelta(seconds=seconds))
    params = {"app": app, "since": since, "most": MOST_RUNS, "limit": limit, "message": _MESSAGE}
    if pipeline_id is not None:
        params["pipeline"] = pipeline_id
    statement = _statement(tx.dialect, condition="" if pipeline_id is None else _OF_PIPELINE)
    return [_record(tx, row) for row in tx.all(statement, **params)]


def _statement(dialect: Dialect, *, condition: str) -> str:
    """Of what may be long only an end is read."""
    kind, message, trace = (member(dialect, "a.error", name) for name in ("type", "message", "traceback"))
    return _FAILURES.format(
        type=kind, message=message, trace=ending(dialect, trace, _TRACE), condition=condition
    )


def _record(tx: Transaction, row: tuple[Any, ...]) -> FailureRecord:
    run_id, pipeline_id, name, position, item, kind, message, trace, failed_at = row
    return FailureRecord(
        run_id=run_id,
        pipeline_id=pipeline_id,
        name=name,
        position=position,
        item=None if item == NODE else item,
        type=kind,
        message=message,
        trace=trace,
        failed_at=tx.dialect.time(failed_at),
    )
