"""The states of runs and nodes, and the moves that are legal between them."""

from __future__ import annotations

from enum import StrEnum


class RunState(StrEnum):
    """Where a run is. A run is terminal if and only if all its nodes are."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        """True once the run has ended; only a retry changes it after."""
        return self in TERMINAL_RUN_STATES


class NodeState(StrEnum):
    """Where a node, or an item of a ``forEach`` node, is."""

    PENDING = "pending"
    QUEUED = "queued"
    RUNNING = "running"
    RETRYING = "retrying"
    SUCCESS = "success"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        """True once the node has ended; only a retry changes it after."""
        return self in TERMINAL_NODE_STATES


class Flag(StrEnum):
    """Why the open nodes of a run are to be ended."""

    CANCEL = "cancel"
    DEADLINE = "deadline"


TERMINAL_RUN_STATES = frozenset({RunState.SUCCESS, RunState.FAILED, RunState.CANCELLED})
TERMINAL_NODE_STATES = frozenset(
    {NodeState.SUCCESS, NodeState.FAILED, NodeState.SKIPPED, NodeState.CANCELLED}
)
WAITING_NODE_STATES = frozenset({NodeState.PENDING, NodeState.QUEUED, NodeState.RETRYING})

NODE_MOVES: dict[NodeState, frozenset[NodeState]] = {
    # pending → running: a forEach node, whose items run in its stead
    NodeState.PENDING: frozenset(
        {NodeState.QUEUED, NodeState.RUNNING, NodeState.SUCCESS, NodeState.SKIPPED, NodeState.CANCELLED}
    ),
    # queued → queued: sent again by the sweep, under the next attempt number
    NodeState.QUEUED: frozenset({NodeState.QUEUED, NodeState.RUNNING, NodeState.CANCELLED}),
    # running → queued: given back uncharged
    NodeState.RUNNING: frozenset(
        {
            NodeState.SUCCESS,
            NodeState.FAILED,
            NodeState.SKIPPED,
            NodeState.RETRYING,
            NodeState.QUEUED,
            NodeState.CANCELLED,
        }
    ),
    # retrying → pending: due, but the run's maxConcurrency has no room
    NodeState.RETRYING: frozenset({NodeState.QUEUED, NodeState.PENDING, NodeState.CANCELLED}),
    # terminal → pending: a retry of the run
    NodeState.SUCCESS: frozenset({NodeState.PENDING}),
    NodeState.FAILED: frozenset({NodeState.PENDING}),
    NodeState.SKIPPED: frozenset({NodeState.PENDING}),
    NodeState.CANCELLED: frozenset({NodeState.PENDING}),
}
"""Each state with the states that may follow it."""
