"""One node of a run, and what happened in the run."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pypeline.application.documents import node_document
from pypeline.application.excerpts import first_parts
from pypeline.application.insights.words import seconds_number
from pypeline.application.listeners import NOBODY_ASKED, listeners_of
from pypeline.errors import UnknownNode
from pypeline.runs.states import NodeState
from pypeline.store.records import NODE
from pypeline.store.timestamps import time_text

if TYPE_CHECKING:
    from pypeline.application.insights.sources import Sources
    from pypeline.application.large_results import DocumentReader
    from pypeline.application.listeners import Listeners
    from pypeline.runs.plan import Plan
    from pypeline.store.base import Store
    from pypeline.store.insights.records import AttemptPlace
    from pypeline.store.records import AttemptRecord, NodeRecord

_MOST_ATTEMPTS = 50


def node_page(
    sources: Sources, run_id: str, name: str, item: int | None, *, reader: DocumentReader
) -> dict[str, Any]:
    """
    A node or item as in the run's document, what its definition says, its attempts and logs, newest first.

    ``items`` counts those of a ``forEach`` node by state. Raises UnknownRun and UnknownNode.
    """
    context = sources.engine.plans.context(run_id)
    plan = sources.engine.plans.of(context)
    position = plan.position(name)
    node = sources.store.node(run_id, position, NODE if item is None else item)
    if node is None:
        sources.store.run_state(run_id)
        raise UnknownNode(plan.pipeline_id, f"{name}[{item}]", plan.dag.names)
    document = node_document(
        node,
        parts=first_parts(sources.store, run_id, [node]),
        reader=reader,
        listeners=_listeners(sources, run_id, node),
    )
    return {
        "execution_id": run_id,
        "pipeline_id": plan.pipeline_id,
        "definition_id": plan.definition_id,
        **document,
        "handler": plan.handler(position, context.replacements),
        **_limits(plan, position),
        "items": _items(sources.store, run_id, node),
        **_history(sources.store, run_id, position, NODE if item is None else item),
    }


def happened_page(
    sources: Sources, run_id: str, *, limit: int, before: AttemptPlace | None
) -> tuple[list[dict[str, Any]], AttemptPlace | None]:
    """The attempts of all nodes and items that failed or were lost, newest first. Raises UnknownRun."""
    sources.store.run_state(run_id)
    found = sources.store.insights.happened(run_id, limit=limit + 1, before=before)
    page = found[:limit]
    last = page[-1].place if len(found) > len(page) else None
    return [_attempt(one.attempt, name=one.name) for one in page], last


def _listeners(sources: Sources, run_id: str, node: NodeRecord) -> Listeners:
    if node.state is not NodeState.QUEUED:
        return NOBODY_ASKED
    return listeners_of(sources.store, sources.store.run(run_id), lease=sources.engine.lease)


def _limits(plan: Plan, position: int) -> dict[str, Any]:
    step = plan.steps[position]
    source = None if step.for_each is None else plan.dag.names[step.for_each]
    return {
        "max_ttl": step.max_ttl,
        "max_retry": step.retry.max_retry,
        "trigger_rule": step.rule.value,
        "for_each": source,
        "predecessors": [plan.dag.names[parent] for parent in plan.dag.predecessors[position]],
    }


def _items(store: Store, run_id: str, node: NodeRecord) -> dict[str, int] | None:
    if node.item is not None or node.items is None:
        return None
    counts = store.insights.item_counts(run_id, node.position)
    return {state.value: counts.get(state, 0) for state in NodeState}


def _history(store: Store, run_id: str, position: int, item: int) -> dict[str, Any]:
    attempts = store.insights.history(run_id, position, item, limit=_MOST_ATTEMPTS)
    logs = store.insights.logs(run_id, position, item, limit=_MOST_ATTEMPTS)
    return {
        "attempts": [_attempt(attempt) for attempt in attempts],
        "logs": [{"attempt": number, "text": text} for number, text in logs],
    }


def _attempt(attempt: AttemptRecord, *, name: str | None = None) -> dict[str, Any]:
    """An attempt that did not succeed; with the node's name and index where it stands among others."""
    where = {"node": name, "index": None if attempt.ref.item == NODE else attempt.ref.item}
    return {
        **({} if name is None else where),
        "attempt": attempt.ref.attempt,
        "outcome": attempt.outcome,
        "worker": attempt.worker,
        "started_at": time_text(attempt.started_at),
        "finished_at": time_text(attempt.finished_at),
        "seconds": seconds_number(_seconds(attempt)),
        "error": None if attempt.error is None else asdict(attempt.error),
    }


def _seconds(attempt: AttemptRecord) -> float | None:
    started = attempt.started_at
    return None if started is None else (attempt.finished_at - started).total_seconds()
