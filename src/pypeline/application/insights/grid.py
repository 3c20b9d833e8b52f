"""One pipeline: its nodes in its last runs, so that one sees since when, and where, something fails."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from pypeline.application.insights.strips import strip_document
from pypeline.application.insights.words import seconds_number, usual_seconds
from pypeline.errors import UnknownPipeline
from pypeline.runs.states import NodeState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pypeline.application.insights.sources import Sources
    from pypeline.store.insights.records import Cell, RunBrief

MOST_NODES = 500
"""How many nodes of a run a grid shows: the first in the order of the graph."""


def grid_document(sources: Sources, pipeline_id: str, *, runs: int) -> dict[str, Any]:
    """
    The strip of a pipeline, and its nodes with a cell for each of the ``runs``, in their order.

    A cell is null where the run has no such node. Raises UnknownPipeline.
    """
    insights = sources.store.insights
    found = insights.last_runs([pipeline_id], limit=runs)[pipeline_id]
    configured = {} if sources.config is None else sources.config.pipelines
    if not found and pipeline_id not in configured:
        raise UnknownPipeline(pipeline_id, configured)
    cells = insights.grid([run.run_id for run in found], limit=MOST_NODES + 1)
    return {
        **strip_document(sources, pipeline_id, found, insights.next_due().get(pipeline_id)),
        "nodes": _rows(found, cells),
        "nodes_truncated": any(cell.position >= MOST_NODES for cell in cells),
    }


def _rows(runs: Sequence[RunBrief], cells: Iterable[Cell]) -> list[dict[str, Any]]:
    """A row for each name: those of the newest run in its order, then those that only older runs had."""
    rows: dict[str, dict[str, Cell]] = defaultdict(dict)
    for cell in cells:
        if cell.position < MOST_NODES:
            rows[cell.name][cell.run_id] = cell
    return [_row(name, runs, row) for name, row in rows.items()]


def _row(name: str, runs: Sequence[RunBrief], cells: Mapping[str, Cell]) -> dict[str, Any]:
    return {
        "node": name,
        "failed": sum(cell.state is NodeState.FAILED for cell in cells.values()),
        "retried": sum(cell.tries > 0 for cell in cells.values() if cell.state is NodeState.SUCCESS),
        "usual_seconds": usual_seconds(
            cell.seconds for cell in cells.values() if cell.state is NodeState.SUCCESS
        ),
        "cells": [_cell(cells.get(run.run_id)) for run in runs],
    }


def _cell(cell: Cell | None) -> dict[str, Any] | None:
    if cell is None:
        return None
    return {
        "state": cell.state.value,
        "attempt": cell.attempt,
        "tries": cell.tries,
        "seconds": seconds_number(cell.seconds),
        "items": cell.items,
        "failed_items": cell.failed_items,
    }
