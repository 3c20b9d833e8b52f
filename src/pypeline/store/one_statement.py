"""
The hot path on PostgreSQL: a creation, a claim or a record as one statement, which is its own transaction.

Each statement locks first, in the order of all transactions: nodes by ascending position and item, then
the run's row. What it decides from is what the locks answer, which is the latest; whatever else it reads
is as old as its beginning. Where that does not tell all, it changes nothing and the general transaction of
`pypeline.store.attempts` is taken: a node to skip or to map, the last item, a failure, a flagged run.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pypeline.runs.rules import TriggerRule, rule_holds
from pypeline.runs.states import NodeState, RunState
from pypeline.store import one_statement_sql as sql
from pypeline.store.attempts import change_of
from pypeline.store.creation import first_nodes, run_row
from pypeline.store.records import NODE, Claim, Created, Ready, Recorded

if TYPE_CHECKING:
    from pypeline.runs.outcome import Outcome
    from pypeline.runs.plan import Plan, Step
    from pypeline.store.attempts import Change
    from pypeline.store.connections import Connections
    from pypeline.store.records import AttemptRef, NewRun

RUNS_WHEN = {
    rule: sum(
        rule_holds(rule, failed=failed, skipped=skipped) << (2 * failed + skipped)
        for failed in (False, True)
        for skipped in (False, True)
    )
    for rule in TriggerRule
}
"""The rules as bits, for the statement: bit 2 * (some failed) + (some skipped) is set where a node runs."""

_NEVER_HERE = 0  # a node that is mapped over a list is opened by the general transaction


class OneStatement:
    """Creates, claims and records; what one statement cannot do answers None and has changed nothing."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def create(self, plan: Plan, new: NewRun, *, app: str) -> Created | None:
        """The new run, unless its idempotency key is known. Durable."""
        queued = dict.fromkeys(first_nodes(plan), 1)
        params = _texts(run_row(plan, new, in_flight=len(queued))) | {
            "app": app,
            "document": json.dumps(plan.document),
            "names": json.dumps([step.name for step in plan.steps]),
            "queues": json.dumps([step.queue for step in plan.steps]),
            "waiting": _array([len(parents) for parents in plan.dag.predecessors]),
            "attempts": _array([queued.get(position, 0) for position in range(len(plan.steps))]),
        }
        # Without a key the only known run is this one: a reply was lost, and the statement sent again.
        if not self._connections.alone(sql.CREATE, params) and new.idempotency_key is not None:
            return None
        return Created(new.run_id, tuple(Ready(position, NODE, 1) for position in queued))

    def claim(self, ref: AttemptRef, *, token: str, worker: str, lease: float) -> Claim | None:
        """The claim, if the attempt was queued."""
        params = _key(ref, token) | {"worker": worker, "lease": str(lease)}
        rows = self._connections.alone(sql.CLAIM, params)
        return Claim(ref, token, rows[0][0], self._connections.dialect.time(rows[0][1])) if rows else None

    def record(self, plan: Plan, held: Claim, outcome: Outcome, *, delay: float | None) -> Recorded | None:
        """What the end of an attempt queued, and whether it was the last of a run that succeeded."""
        change = change_of(outcome, delay=delay)
        if plan.max_concurrency is not None or change.elements is not None:
            return None
        params = _key(held.ref, held.token) | _written(change) | {"log": outcome.log or None}
        if change.state is NodeState.RETRYING:
            return self._postpone(params, change)
        if change.state is NodeState.FAILED:
            return None
        if held.ref.item != NODE:
            return self._end_item(params)
        successors = plan.dag.successors[held.ref.position]
        if not successors:
            return self._end_sink(params)
        return self._end_node(params, successors, [_runs_when(plan.steps[child]) for child in successors])

    def _end_node(
        self, params: dict[str, Any], successors: tuple[int, ...], runs_when: list[int]
    ) -> Recorded | None:
        lists = {"successors": _array(successors), "runs_when": _array(runs_when)}
        rows = self._connections.alone(sql.END_NODE, params | lists)
        if not rows:
            return None
        return Recorded(
            accepted=True,
            ready=tuple(Ready(position, NODE, attempt) for _, position, attempt in rows if attempt),
        )

    def _end_item(self, params: dict[str, Any]) -> Recorded | None:
        rows = self._connections.alone(sql.END_ITEM, params)
        if not rows:
            return None
        ready = tuple(Ready(*key) for _, *key in rows if key[0] is not None)
        return Recorded(accepted=True, ready=ready)

    def _end_sink(self, params: dict[str, Any]) -> Recorded | None:
        rows = self._connections.alone(sql.END_SINK, params)
        if not rows:
            return None
        return Recorded(accepted=True, finished=RunState.SUCCESS if rows[0][0] else None)

    def _postpone(self, params: dict[str, Any], change: Change) -> Recorded | None:
        more = {"delay": str(change.delay), "charged": str(change.charged), "history": change.history}
        rows = self._connections.alone(sql.POSTPONE, params | more)
        return Recorded(accepted=True) if rows else None


def _runs_when(step: Step) -> int:
    return RUNS_WHEN[step.rule] if step.for_each is None else _NEVER_HERE


def _key(ref: AttemptRef, token: str) -> dict[str, Any]:
    return {
        "run": ref.run_id,
        "position": str(ref.position),
        "item": str(ref.item),
        "attempt": str(ref.attempt),
        "token": token,
    }


def _written(change: Change) -> dict[str, Any]:
    return {
        "state": change.state,
        "result": change.result,
        "error": change.error_text,
        "skipped": "1" if change.state is NodeState.SKIPPED else "0",
    }


def _texts(row: dict[str, Any]) -> dict[str, Any]:
    """Numbers as text, which the server reads as the type of their column."""
    return {name: str(value) if isinstance(value, int | float) else value for name, value in row.items()}


def _array(numbers: tuple[int, ...] | list[int]) -> str:
    return "{" + ",".join(map(str, numbers)) + "}"
