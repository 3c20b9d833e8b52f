"""The JSON documents of runs: the same on the command line and over HTTP."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pypeline.application.large_results import DocumentReader, LeftOut
from pypeline.application.listeners import NOBODY_ASKED
from pypeline.runs.states import Flag, NodeState, RunState
from pypeline.store.timestamps import time_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pypeline.application.listeners import Listeners
    from pypeline.store.records import NodeRecord, Progress, RunRecord
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
        "created_at": time_text(run.created_at),
        "started_at": time_text(run.started_at),
        "finished_at": time_text(run.finished_at),
        "payload": run.payload,
        "counts": {state.value: run.counts.get(state, 0) for state in NodeState},
        "error": run.error,
    }


def run_with_nodes(
    run: RunRecord,
    nodes: Iterable[NodeRecord],
    *,
    parts: Mapping[int, list[str | None]],
    truncated: bool,
    reader: DocumentReader,
    listeners: Listeners = NOBODY_ASKED,
) -> dict[str, Any]:
    """
    A run with these of its nodes; ``truncated`` says that there are more.

    ``parts`` maps the positions whose results are kept in parts to the texts of those, as they are kept;
    ``reader`` decodes them all.
    """
    document = run_document(run)
    document["nodes"] = [
        node_document(node, parts=parts, reader=reader, listeners=listeners) for node in nodes
    ]
    if truncated:
        document["nodes_truncated"] = True
    return document


def results_document(run: RunRecord, results: Mapping[str, JsonValue]) -> dict[str, Any]:
    """What a run came to: ``result`` is that of its only final node, where it has only one."""
    is_open = not run.state.is_terminal
    return {
        "execution_id": run.run_id,
        "status": RunState.PENDING.value if is_open else run.state.value,
        "status_message": _message(run),
        "result": next(iter(results.values())) if len(results) == 1 else None,
        "results": dict(results),
    }


def _message(run: RunRecord) -> str:
    ended = sum(number for state, number in run.counts.items() if state.is_terminal)
    through = f"{ended:,} of {sum(run.counts.values()):,} nodes have ended"
    return f"{run.state.value}: {run.error}" if run.error else f"{run.state.value}: {through}"


def node_document(
    node: NodeRecord,
    *,
    parts: Mapping[int, list[str | None]],
    reader: DocumentReader,
    listeners: Listeners = NOBODY_ASKED,
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
        "queued_at": time_text(node.queued_at),
        "started_at": time_text(node.started_at),
        "finished_at": time_text(node.finished_at),
        "worker": node.worker,
        "progress": _progress(node.progress),
        **_result(node, parts, reader),
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
            return f"tries again at {time_text(node.due_at)}{said}"
        case _:
            return None


def _why_pending(node: NodeRecord) -> str:
    if node.waiting == 0:
        return "waits for room: the run is at its maxConcurrency"
    if node.item is not None:
        return "waits for its turn: maxConcurrency of the node bounds the items that are out at once"
    return f"waits for {node.waiting} predecessor{'s' if node.waiting > 1 else ''}"


def _result(
    node: NodeRecord, parts: Mapping[int, list[str | None]], reader: DocumentReader
) -> dict[str, JsonValue]:
    """The member ``result``, and beside it ``result_refs`` where it does not hold everything."""
    if node.item is not None or node.position not in parts:
        value = reader.value(node.result)
        if isinstance(value, LeftOut):
            return {"result": None, "result_refs": [value.document(None)]}
        return {"result": value}
    values = [reader.value(text) for text in parts[node.position]]
    refs: list[JsonValue] = [
        value.document(index) for index, value in enumerate(values) if isinstance(value, LeftOut)
    ]
    result: JsonValue = [None if isinstance(value, LeftOut) else value for value in values]
    return {"result": result, "result_refs": refs} if refs else {"result": result}


def _progress(progress: Progress | None) -> JsonValue:
    if progress is None:
        return None
    return {
        "done": _plain(progress.done),
        "total": None if progress.total is None else _plain(progress.total),
    }


def _plain(number: float) -> float:
    """Whole numbers without a fraction, as handlers say them."""
    return int(number) if float(number).is_integer() else number
