from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plans import plan_of
from pypeline.runs.cascade import Counters, decide
from pypeline.runs.rules import TriggerRule, items_state, rule_holds
from pypeline.runs.states import NodeState

# (failed, skipped) predecessors -> the rules that hold.
TABLE = {
    (0, 0): {"all_success", "none_failed", "all_done"},
    (1, 0): {"one_failed", "all_done"},
    (0, 1): {"none_failed", "all_done"},
    (1, 1): {"one_failed", "all_done"},
    (3, 2): {"one_failed", "all_done"},
}


@pytest.mark.parametrize("counters", TABLE)
@pytest.mark.parametrize("rule", TriggerRule)
def test_a_rule_holds_as_the_table_says(counters, rule):
    failed, skipped = counters

    assert rule_holds(rule, failed=failed, skipped=skipped) == (rule in TABLE[counters])


@given(st.sampled_from(TriggerRule), st.integers(1, 50), st.integers(1, 50))
def test_how_many_failed_or_were_skipped_makes_no_difference(rule, failed, skipped):
    assert rule_holds(rule, failed=failed, skipped=0) == rule_holds(rule, failed=1, skipped=0)
    assert rule_holds(rule, failed=0, skipped=skipped) == rule_holds(rule, failed=0, skipped=1)


@pytest.mark.parametrize(
    ("failed", "skipped", "total", "state"),
    [
        (0, 0, 0, NodeState.SUCCESS),
        (0, 0, 3, NodeState.SUCCESS),
        (0, 2, 3, NodeState.SUCCESS),
        (0, 3, 3, NodeState.SKIPPED),
        (1, 0, 3, NodeState.FAILED),
        (1, 2, 3, NodeState.FAILED),
    ],
)
def test_a_mapped_node_ends_as_its_items_did(failed, skipped, total, state):
    assert items_state(failed=failed, skipped=skipped, total=total) is state


def test_a_node_waits_while_a_predecessor_is_open():
    plan = plan_of({"a": ["c"], "b": ["c"]})

    assert decide(plan, 2, Counters(waiting=1, failed=1, skipped=0)) is None
    assert decide(plan, 2, Counters(waiting=0, failed=1, skipped=0)) is False
    assert decide(plan, 2, Counters(waiting=0, failed=0, skipped=0)) is True


@pytest.mark.parametrize("rule", TriggerRule)
def test_a_node_without_predecessors_runs_whatever_its_rule(rule):
    plan = plan_of({"a": []}, a={"rule": rule})

    assert decide(plan, 0, Counters(0, 0, 0)) is True
