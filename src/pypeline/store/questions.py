"""Reading what a run carries: its definition, its state, and what its attempts left behind."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pypeline.errors import UnknownRun
from pypeline.runs.states import RunState
from pypeline.store.records import RunContext

if TYPE_CHECKING:
    from pypeline.store.connections import Transaction
    from pypeline.types import JsonObject

_CONTEXT = """
    SELECT id, pipeline_id, definition_id, payload, replacements FROM pypeline_run
    WHERE id = :run AND app = :app
"""
_DEFINITION = "SELECT document FROM pypeline_definition WHERE id = :definition"
_RUN_STATE = "SELECT state FROM pypeline_run WHERE id = :run AND app = :app"
_RESULT = "SELECT result FROM pypeline_node WHERE run_id = :run AND position = :position AND item = -1"
_LENGTH = """
    SELECT coalesce(elements, items) FROM pypeline_node
    WHERE run_id = :run AND position = :position AND item = -1 AND state IN ('success', 'failed', 'skipped')
"""
_IS_MAPPED = "SELECT items FROM pypeline_node WHERE run_id = :run AND position = :position AND item = -1"
_ELEMENTS = """
    SELECT value FROM pypeline_element
    WHERE run_id = :run AND position = :position AND element >= :start AND element < :stop ORDER BY element
"""
_ITEM_RESULTS = """
    SELECT result FROM pypeline_node
    WHERE run_id = :run AND position = :position AND item >= :start AND item < :stop ORDER BY item
"""
_LOGS = """
    SELECT attempt, text FROM pypeline_log
    WHERE run_id = :run AND position = :position AND item = :item ORDER BY attempt
"""


def context(tx: Transaction, run_id: str, *, app: str) -> RunContext:
    """What the attempts of a run share."""
    row = tx.one(_CONTEXT, run=run_id, app=app)
    if row is None:
        raise UnknownRun(run_id)
    found, pipeline_id, definition_id, payload, replacements = row
    return RunContext(found, pipeline_id, definition_id, json.loads(payload), json.loads(replacements))


def definition(tx: Transaction, definition_id: str) -> JsonObject:
    """A definition's document."""
    row = tx.one(_DEFINITION, definition=definition_id)
    assert row is not None, "a run has a definition"  # noqa: S101 - its foreign key
    document: JsonObject = json.loads(row[0])
    return document


def run_state(tx: Transaction, run_id: str, *, app: str) -> RunState:
    """The state of a run."""
    row = tx.one(_RUN_STATE, run=run_id, app=app)
    if row is None:
        raise UnknownRun(run_id)
    return RunState(row[0])


def result(tx: Transaction, run_id: str, position: int) -> str | None:
    """A node's result that is kept whole."""
    row = tx.one(_RESULT, run=run_id, position=position)
    return row[0] if row else None


def element_count(tx: Transaction, run_id: str, position: int) -> int | None:
    """The length of a result that is kept in parts."""
    row = tx.one(_LENGTH, run=run_id, position=position)
    return row[0] if row else None


def elements(tx: Transaction, run_id: str, position: int, *, start: int, stop: int) -> list[str | None]:
    """Some parts of a result: of a mapped node its items' results, else its stored elements."""
    row = tx.one(_IS_MAPPED, run=run_id, position=position)
    statement = _ITEM_RESULTS if row and row[0] is not None else _ELEMENTS
    return [text for (text,) in tx.all(statement, run=run_id, position=position, start=start, stop=stop)]


def logs(tx: Transaction, run_id: str, position: int, item: int) -> list[tuple[int, str]]:
    """What each attempt logged."""
    return [(attempt, text) for attempt, text in tx.all(_LOGS, run=run_id, position=position, item=item)]
