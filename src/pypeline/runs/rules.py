"""Trigger rules: whether a node runs once all its predecessors have ended."""

from __future__ import annotations

from enum import StrEnum

from pypeline.runs.states import NodeState


class TriggerRule(StrEnum):
    """When a node runs. Decided once, when all its predecessors have ended."""

    ALL_SUCCESS = "all_success"
    NONE_FAILED = "none_failed"
    ONE_FAILED = "one_failed"
    ALL_DONE = "all_done"


def rule_holds(rule: TriggerRule, *, failed: int, skipped: int) -> bool:
    """
    True if the node runs, False if it is skipped.

    ``failed`` and ``skipped`` count its predecessors; one that was skipped because of a failure is
    among the failed.
    """
    match rule:
        case TriggerRule.ALL_SUCCESS:
            return not failed and not skipped
        case TriggerRule.NONE_FAILED:
            return not failed
        case TriggerRule.ONE_FAILED:
            return failed > 0
        case TriggerRule.ALL_DONE:
            return True


def items_state(*, failed: int, skipped: int, total: int) -> NodeState:
    """How a ``forEach`` node ends with its last item; an empty list succeeds."""
    if failed:
        return NodeState.FAILED
    if total and skipped == total:
        return NodeState.SKIPPED
    return NodeState.SUCCESS
