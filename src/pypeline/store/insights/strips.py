"""The pipelines that have runs, and the last runs of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pypeline.runs.states import RunState
from pypeline.store.insights.records import RunBrief

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pypeline.store.connections import Transaction

# From one id to the next in the index: the runs between are not read.
_KNOWN = """
    WITH RECURSIVE known(id, number) AS (
        SELECT (SELECT min(pipeline_id) FROM pypeline_run WHERE app = :app AND pipeline_id > :after), 1
        UNION ALL
        SELECT (SELECT min(pipeline_id) FROM pypeline_run WHERE app = :app AND pipeline_id > known.id),
            number + 1
        FROM known WHERE known.id IS NOT NULL AND number < :limit)
"""
_PIPELINES = f"{_KNOWN} SELECT id FROM known WHERE id IS NOT NULL"
_FAILING = f"""
    {_KNOWN}
    SELECT id FROM known WHERE 'failed' = (
        SELECT state FROM pypeline_run
        WHERE app = :app AND pipeline_id = known.id AND state IN ('success', 'failed')
        ORDER BY created_at DESC, id DESC LIMIT 1)
"""
_LAST_RUNS = """
    SELECT id, pipeline_id, definition_id, state, trigger, created_at, started_at, finished_at,
        substr(error, 1, 500)
    FROM pypeline_run WHERE app = :app AND pipeline_id = :pipeline
    ORDER BY created_at DESC, id DESC LIMIT :limit
"""


def pipeline_ids(tx: Transaction, *, limit: int, after: str, app: str) -> list[str]:
    """What there are runs of, by id."""
    return [found for (found,) in tx.all(_PIPELINES, app=app, after=after, limit=limit)]


def failing(tx: Transaction, *, limit: int, app: str) -> list[str]:
    """Those that failed last, by id."""
    return [found for (found,) in tx.all(_FAILING, app=app, after="", limit=limit)]


def last_runs(
    tx: Transaction, pipelines: Sequence[str], *, limit: int, app: str
) -> dict[str, list[RunBrief]]:
    """The newest runs of each: a statement for each, by its index."""
    return {
        pipeline: [_brief(tx, row) for row in tx.all(_LAST_RUNS, app=app, pipeline=pipeline, limit=limit)]
        for pipeline in pipelines
    }


def _brief(tx: Transaction, row: tuple[Any, ...]) -> RunBrief:
    run_id, pipeline_id, definition_id, state, trigger, *times, error = row
    created_at, started_at, finished_at = (
        None if value is None else tx.dialect.time(value) for value in times
    )
    assert created_at is not None, "a run was created"  # noqa: S101 - its column
    return RunBrief(
        run_id=run_id,
        pipeline_id=pipeline_id,
        definition_id=definition_id,
        state=RunState(state),
        trigger=trigger,
        created_at=created_at,
        started_at=started_at,
        finished_at=finished_at,
        error=error,
    )
