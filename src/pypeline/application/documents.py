"""The JSON documents of runs: the same on the command line and over HTTP."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pypeline.application.listeners import NOBODY_ASKED
from pypeline.runs.states import Flag, NodeState
from pypeline.store.timestamps import format_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from pypeline.application.listeners import Listeners
    from pypeline.store.records import NodeRecord, RunRecord
    from pypeline.types import JsonObject, JsonValue

MOST_NODES = 1000
"""How many nodes a run's document lists, and how many parts of a result."""


def run_document(run: RunRecord) -> dict[str, Any]:
    """A run without its nodes."""
    return {
        "execution_id": run.run_id,
        "pipeline_id": run.pipeline_id,
        "state": run.state.value,
        "trigger": run.trigger,
        "cancel_requested": run.flag is Flag.CANCEL,
        "created_at": _time(run.created_at),
        "started_at": _time(run.started_at),
        "finished_at": _time(run.finished_at),
        "payload": run.payload,
        "counts": {state.value: run.counts.get(state, 0) for state in NodeState},
        "error": run.error,
    }


def run_with_nodes(
    run: RunRecord,
    nodes: Iterable[NodeRecord],
    *,
    parts: Mapping[int, list[JsonValue]],
    truncated: bool,
    listeners: Listeners = NOBODY_ASKED,
) -> dict[str, Any]:
    """
    A run with these of its nodes; ``truncated`` says that there are more.

    ``parts`` maps the positions whose results are kept in parts to those parts.
    """
    document = run_document(run)
    document["nodes"] = [node_document(node, parts=parts, listeners=listeners) for node in nodes]
    if truncated:
        document["nodes_truncated"] = True
    return document


def node_document(
    node: NodeRecord, *, parts: Mapping[int, list[JsonValue]], listeners: Listeners = NOBODY_ASKED
) -> JsonObject:
    """One node or item."""
    return {
        "node": node.name,
        "index": node.item,
        "state": node.state.value,
        "attempt": node.attempt,
        "tries": node.tries,
        "why": why_it_waits(node, listeners),
        "queue": node.queue,
        "queued_at": _time(node.queued_at),
        "started_at": _time(node.started_at),
        "finished_at": _time(node.finished_at),
        "worker": node.worker,
        "result": _result(node, parts),
        "error": None if node.error is None else asdict(node.error),
    }


def why_it_waits(node: NodeRecord, listeners: Listeners = NOBODY_ASKED) -> str | None:
    """What a waiting node waits for, in words; None for one that runs or has ended."""
    match node.state:
        case NodeState.PENDING:
            return _why_pending(node)
        case NodeState.QUEUED:
            return listeners.why_queued(node.queue)
        case NodeState.RETRYING:
            said = f": {node.error.type}: {node.error.message}" if node.error else ""
            return f"tries again at {_time(node.due_at)}{said}"
        case _:
            return None


def _why_pending(node: NodeRecord) -> str:
    if node.waiting == 0:
        return "waits for room: the run is at its maxConcurrency"
    if node.item is not None:
        return "waits for its turn: maxConcurrency of the node bounds the items that are out at once"
    return f"waits for {node.waiting} predecessor{'s' if node.waiting > 1 else ''}"


def _result(node: NodeRecord, parts: Mapping[int, list[JsonValue]]) -> JsonValue:
    if node.item is None and node.position in parts:
        return parts[node.position]
    if node.result is None:
        return None
    value: JsonValue = json.loads(node.result)
    return value


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else format_time(moment)
