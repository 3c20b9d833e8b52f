from __future__ import annotations

import time

import pytest

from plans import chain, fan, plan_of
from pypeline.runs.rules import TriggerRule
from pypeline.runs.states import NodeState, RunState

RUNS, SKIPPED = NodeState.QUEUED, NodeState.SKIPPED
# How the predecessor ends: succeeded, failed, skipped by its handler, skipped because of a failure.
TABLE = {
    TriggerRule.ALL_SUCCESS: (RUNS, SKIPPED, SKIPPED, SKIPPED),
    TriggerRule.NONE_FAILED: (RUNS, SKIPPED, RUNS, SKIPPED),
    TriggerRule.ONE_FAILED: (SKIPPED, RUNS, SKIPPED, RUNS),
    TriggerRule.ALL_DONE: (RUNS, RUNS, RUNS, RUNS),
}


@pytest.mark.parametrize("rule", TABLE)
@pytest.mark.parametrize("ending", range(4))
def test_a_rule_decides_by_how_the_predecessor_ended(start, rule, ending):
    run = start(plan_of({"before": ["parent"], "parent": ["child"]}, child={"rule": rule}))

    end_parent(run, ending)

    assert run.states()["child"] is TABLE[rule][ending]


def end_parent(run, ending):
    if ending == 3:
        run.fail("before")
    else:
        run.succeed("before")
        (run.succeed, run.fail, run.skip)[ending]("parent")


def test_a_skip_because_of_a_failure_goes_on_as_a_failure(start):
    run = start(plan_of({"a": ["b"], "b": ["c"], "c": ["d"]}, d={"rule": "one_failed"}))

    run.fail("a")

    assert run.states() == {
        "a": NodeState.FAILED, "b": SKIPPED, "c": SKIPPED, "d": NodeState.QUEUED
    }  # fmt: skip


def test_a_skip_by_a_handler_goes_on_as_a_skip(start):
    run = start(plan_of({"a": ["b"], "b": ["c"]}, c={"rule": "none_failed"}))

    run.skip("a")

    assert run.states() == {"a": SKIPPED, "b": SKIPPED, "c": NodeState.QUEUED}


@pytest.mark.parametrize("order", [("fail", "skip", "succeed"), ("succeed", "skip", "fail")])
def test_a_rule_is_decided_when_the_last_predecessor_has_ended(start, order):
    run = start(plan_of({"a": ["d"], "b": ["d"], "c": ["d"]}, d={"rule": "one_failed"}))

    for name, ending in zip("abc", order, strict=True):
        assert run.states()["d"] is NodeState.PENDING
        getattr(run, ending)(name)

    assert run.states()["d"] is NodeState.QUEUED


def test_a_root_runs_whatever_its_rule(start):
    run = start(plan_of({"a": []}, a={"rule": "one_failed"}))

    assert run.names == ["a"]


def test_each_node_that_is_skipped_knows_of_the_failure_before_it(start, store):
    run = start(plan_of({"a": ["b", "x"], "b": ["c"], "c": ["d"], "x": ["d"]}, x={"rule": "one_failed"}))

    run.fail("a")

    select = "SELECT name, failed, skipped FROM pypeline_node WHERE run_id = :run ORDER BY name"
    rows = store._connections.read(lambda tx: tx.all(select, run=run.run_id))
    assert [tuple(row) for row in rows] == [("a", 0, 0), ("b", 1, 0), ("c", 1, 0), ("d", 1, 0), ("x", 1, 0)]


def test_a_run_of_which_everything_was_skipped_succeeds(start):
    run = start(chain(3))

    assert run.skip("n0").finished is RunState.SUCCESS
    assert set(run.states().values()) == {SKIPPED}


def test_a_node_between_a_skip_and_a_running_branch_waits_for_both(start):
    plan = plan_of({"a": ["skipped"], "skipped": ["join"], "b": ["join"]}, join={"rule": "all_done"})
    run = start(plan)

    run.fail("a")
    assert run.states()["join"] is NodeState.PENDING
    assert run.node("join").waiting == 1

    run.succeed("b")
    assert run.states()["join"] is NodeState.QUEUED


def test_ten_thousand_descendants_are_skipped_at_once(start, store):
    run = start(fan(10_000))
    started = time.perf_counter()

    recorded = run.fail("first")

    assert recorded.finished is RunState.FAILED
    assert time.perf_counter() - started < 5  # well under a second on an idle machine
    counts = store.run(run.run_id).counts
    assert counts == dict.fromkeys(NodeState, 0) | {NodeState.FAILED: 1, NodeState.SKIPPED: 10_001}


def test_a_skip_down_a_long_chain_reaches_its_end(start):
    run = start(chain(2_000, n1999={"rule": "all_done"}))

    recorded = run.fail("n0")

    assert [node.position for node in recorded.ready] == [1999]
