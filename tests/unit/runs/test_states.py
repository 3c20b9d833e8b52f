from __future__ import annotations

import pytest

from pypeline.runs.states import (
    NODE_MOVES,
    TERMINAL_NODE_STATES,
    TERMINAL_RUN_STATES,
    WAITING_NODE_STATES,
    NodeState,
    RunState,
)

# Every move there is, by the arrow that names it.
MOVES = """
    pending → queued       its rule is decided and there is room
    pending → running      a mapped node, whose items run in its stead
    pending → success      a mapped node without items
    pending → skipped      its rule says so
    pending → cancelled
    queued → queued        sent again
    queued → running
    queued → cancelled
    running → success
    running → failed
    running → skipped
    running → retrying
    running → queued       given back
    running → cancelled    another attempt is not made in a cancelled run
    retrying → queued
    retrying → pending     due, but there is no room
    retrying → cancelled
    success → pending      a retry of the run, as the three below
    failed → pending
    skipped → pending
    cancelled → pending
"""


def named_moves():
    words = [line.split() for line in MOVES.strip().splitlines()]
    return {(NodeState(before), NodeState(after)) for before, _, after, *_ in words}


def test_the_legal_moves_are_these_and_no_others():
    moves = {(before, after) for before, following in NODE_MOVES.items() for after in following}

    assert moves == named_moves()


@pytest.mark.parametrize("state", sorted(TERMINAL_NODE_STATES))
def test_a_node_that_has_ended_only_opens_again(state):
    assert NODE_MOVES[state] == {NodeState.PENDING}


def test_every_state_is_reached_from_the_first():
    reached, open_states = set(), [NodeState.PENDING]
    while open_states:
        state = open_states.pop()
        reached.add(state)
        open_states.extend(NODE_MOVES[state] - reached)

    assert reached == set(NodeState)


def test_a_node_waits_runs_or_has_ended():
    groups = [WAITING_NODE_STATES, {NodeState.RUNNING}, TERMINAL_NODE_STATES]

    assert sorted(state for group in groups for state in group) == sorted(NodeState)


@pytest.mark.parametrize("state", NodeState)
def test_a_node_is_terminal_if_it_is_listed_so(state):
    assert state.is_terminal == (state in TERMINAL_NODE_STATES)


@pytest.mark.parametrize("state", RunState)
def test_a_run_is_terminal_unless_it_is_pending_or_running(state):
    assert state.is_terminal == (state not in {RunState.PENDING, RunState.RUNNING})
    assert state.is_terminal == (state in TERMINAL_RUN_STATES)
