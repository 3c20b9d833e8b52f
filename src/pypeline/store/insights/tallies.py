"""What meters count: the nodes and attempts of the runs of the last while."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from pypeline.runs.states import NodeState
from pypeline.store.insights.activity import IS_OPEN, MOST_RUNS
from pypeline.store.insights.records import AttemptTally, NodeTally
from pypeline.store.insights.spans import seconds_between
from pypeline.store.workers import clock

if TYPE_CHECKING:
    from pypeline.store.connections import Transaction

_RUNS = f"""
    SELECT id, pipeline_id FROM pypeline_run WHERE {IS_OPEN}
    UNION
    SELECT id, pipeline_id FROM (
        SELECT id, pipeline_id FROM pypeline_run WHERE app = :app AND created_at >= :since
        ORDER BY created_at DESC, id DESC LIMIT :most) AS recent
"""
# The time of a node that is mapped is that of its items; a node that was sent again has the start of its
# former attempt.
_NODES = f"""
    SELECT pipeline_id, name, queue, state, count(*), count(seconds), coalesce(sum(seconds), 0),
        count(waited), coalesce(sum(waited), 0)
    FROM (
        SELECT r.pipeline_id, n.name, n.queue, n.state,
            CASE WHEN n.items IS NULL THEN {{seconds}} END AS seconds,
            CASE WHEN n.started_at >= n.sent_at THEN {{waited}} END AS waited
        FROM ({_RUNS}) AS r JOIN pypeline_node n ON n.run_id = r.id LIMIT :limit) AS node
    GROUP BY pipeline_id, name, queue, state
"""
_ATTEMPTS = f"""
    SELECT r.pipeline_id, a.outcome, count(*),
        sum(CASE WHEN n.attempt > a.attempt OR n.state || '' = 'retrying' THEN 1 ELSE 0 END)
    FROM ({_RUNS}) AS r JOIN pypeline_attempt a ON a.run_id = r.id
    JOIN pypeline_node n ON n.run_id = a.run_id AND n.position = a.position AND n.item = a.item
    WHERE a.finished_at >= :since GROUP BY r.pipeline_id, a.outcome
"""


def node_tallies(tx: Transaction, *, seconds: float, limit: int, app: str) -> list[NodeTally]:
    """Nodes by name and state, with their times."""
    statement = _NODES.format(
        seconds=seconds_between(tx.dialect, "n.started_at", "n.finished_at"),
        waited=seconds_between(tx.dialect, "n.sent_at", "n.started_at"),
    )
    rows = tx.all(statement, app=app, since=_since(tx, seconds), most=MOST_RUNS, limit=limit)
    return [
        NodeTally(
            pipeline_id=pipeline_id,
            name=name,
            queue=queue,
            state=NodeState(state),
            count=count,
            ended=ended,
            seconds=float(total),
            claimed=claimed,
            waited=float(waited),
        )
        for pipeline_id, name, queue, state, count, ended, total, claimed, waited in rows
    ]


def attempt_tallies(tx: Transaction, *, seconds: float, app: str) -> list[AttemptTally]:
    """Attempts that did not succeed, by outcome."""
    rows = tx.all(_ATTEMPTS, app=app, since=_since(tx, seconds), most=MOST_RUNS)
    return [
        AttemptTally(pipeline_id, outcome, count, retried) for pipeline_id, outcome, count, retried in rows
    ]


def _since(tx: Transaction, seconds: float) -> object:
    return tx.dialect.moment(clock(tx) - timedelta(seconds=seconds))
