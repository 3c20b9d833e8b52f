"""Creating runs: their rows, their definitions if those are new, and all their nodes."""

from __future__ import annotations

import json
from itertools import chain
from typing import TYPE_CHECKING, Any

from pypeline.errors import IdempotencyConflict
from pypeline.runs.states import NodeState, RunState
from pypeline.store.records import NODE, Created, Ready

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pypeline.runs.plan import Plan
    from pypeline.store.connections import Transaction
    from pypeline.store.records import NewRun

_KNOWN_KEY = """
    SELECT id, body_hash FROM pypeline_run
    WHERE app = :app AND pipeline_id = :pipeline AND idempotency_key = :key
"""
_INSERT_DEFINITION = """
    INSERT INTO pypeline_definition (id, pipeline_id, document, created_at)
    VALUES (:id, :pipeline, :document, now()) ON CONFLICT (id) DO NOTHING
"""
_INSERT_RUN = """
    INSERT INTO pypeline_run (id, app, pipeline_id, definition_id, broker, state, trigger, payload,
        replacements, idempotency_key, body_hash, open_sinks, in_flight, max_concurrency, created_at,
        deadline_at)
    VALUES (:id, :app, :pipeline, :definition, :broker, :state, :trigger, :payload, :replacements,
        :key, :body_hash, :open_sinks, :in_flight, :max_concurrency, now(), shift(now(), :deadline))
    ON CONFLICT (app, pipeline_id, idempotency_key) DO NOTHING
"""
_INSERT_NODE = """
    INSERT INTO pypeline_node
        (run_id, position, item, name, queue, state, waiting, attempt, queued_at, sent_at)
    VALUES (:run, :position, -1, :name, :queue, :state, :waiting, :attempt,
        CASE WHEN :attempt = 1 THEN now() END, CASE WHEN :attempt = 1 THEN now() END)
"""


def create_run(tx: Transaction, plan: Plan, new: NewRun, *, app: str) -> Created:
    """Insert everything; a known idempotency key answers the run that it named."""
    tx.run(_INSERT_DEFINITION, **_definition_row(plan))
    if not tx.run(_INSERT_RUN, app=app, **_new_row(plan, new)):
        return _existing(tx, plan, new, app=app)
    tx.many(_INSERT_NODE, _node_rows(plan, new.run_id))
    return _created(plan, new)


def create_runs(tx: Transaction, batch: Sequence[tuple[Plan, NewRun]], *, app: str) -> list[Created]:
    """As `create_run`, of runs without idempotency keys, in as few round trips as of one."""
    plans = {plan.definition_id: plan for plan, _ in batch}
    # In one order: others may insert the same definitions at this moment.
    tx.many(_INSERT_DEFINITION, [_definition_row(plans[key]) for key in sorted(plans)])
    tx.many(_INSERT_RUN, [{"app": app, **_new_row(plan, new)} for plan, new in batch])
    tx.many(_INSERT_NODE, chain.from_iterable(_node_rows(plan, new.run_id) for plan, new in batch))
    return [_created(plan, new) for plan, new in batch]


def first_nodes(plan: Plan) -> list[int]:
    """The roots, as far as ``maxConcurrency`` has room for them."""
    roots = [position for position, parents in enumerate(plan.dag.predecessors) if not parents]
    return roots[: plan.max_concurrency]


def run_row(plan: Plan, new: NewRun, *, in_flight: int) -> dict[str, Any]:
    """The columns of a new run, but those that the database fills in."""
    return {
        "id": new.run_id,
        "pipeline": plan.pipeline_id,
        "definition": plan.definition_id,
        "broker": new.broker,
        "state": RunState.PENDING,
        "trigger": new.trigger,
        "payload": json.dumps(new.payload),
        "replacements": json.dumps(dict(new.replacements)),
        "key": new.idempotency_key,
        "body_hash": new.body_hash,
        "open_sinks": len(plan.sinks),
        "in_flight": None if plan.max_concurrency is None else in_flight,
        "max_concurrency": plan.max_concurrency,
        "deadline": plan.deadline,
    }


def _definition_row(plan: Plan) -> dict[str, Any]:
    return {
        "id": plan.definition_id,
        "pipeline": plan.pipeline_id,
        "document": json.dumps(plan.document),
    }


def _new_row(plan: Plan, new: NewRun) -> dict[str, Any]:
    return run_row(plan, new, in_flight=len(first_nodes(plan)))


def _created(plan: Plan, new: NewRun) -> Created:
    return Created(new.run_id, tuple(Ready(position, NODE, 1) for position in first_nodes(plan)))


def _node_rows(plan: Plan, run_id: str) -> Iterator[dict[str, Any]]:
    queued = frozenset(first_nodes(plan))
    for position, (step, parents) in enumerate(zip(plan.steps, plan.dag.predecessors, strict=True)):
        is_queued = position in queued
        yield {
            "run": run_id,
            "position": position,
            "name": step.name,
            "queue": step.queue,
            "state": NodeState.QUEUED if is_queued else NodeState.PENDING,
            "waiting": len(parents),
            "attempt": int(is_queued),
        }


def _existing(tx: Transaction, plan: Plan, new: NewRun, *, app: str) -> Created:
    known = tx.one(_KNOWN_KEY, app=app, pipeline=plan.pipeline_id, key=new.idempotency_key)
    assert known is not None, "the run id was taken"  # noqa: S101 - uuid4
    run_id, body_hash = known
    if body_hash != new.body_hash:
        raise IdempotencyConflict(str(new.idempotency_key), run_id)
    return Created(run_id, (), existing=True)
