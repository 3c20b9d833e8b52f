from __future__ import annotations

from dataclasses import replace

import pytest

from plans import chain, fan, plan_of
from pypeline.runs.outcome import ErrorInfo, Failed, Postponed, SkippedByHandler, Succeeded
from pypeline.runs.states import NodeState, RunState


def test_a_success_is_kept_and_queues_what_follows(start, store):
    run = start(chain(2))

    recorded = run.succeed("n0", result='{"b": 1, "a": 2}')

    assert recorded.accepted
    assert [node.position for node in recorded.ready] == [1]
    assert recorded.finished is None
    assert run.states() == {"n0": NodeState.SUCCESS, "n1": NodeState.QUEUED}
    assert store.result(run.run_id, 0) == '{"b": 1, "a": 2}'
    assert run.node("n0").finished_at is not None


def test_a_result_may_be_nothing(start, store):
    run = start(chain(1))

    run.record(run.claim("n0"), Succeeded(None))

    assert store.result(run.run_id, 0) is None


@pytest.mark.parametrize(
    "outcome", [Succeeded("2"), Failed(ErrorInfo("E", "m")), SkippedByHandler("r"), Postponed(1, "r")]
)
def test_a_second_report_of_an_attempt_changes_nothing(start, outcome):
    run = start(chain(2))
    claim = run.claim("n0")
    run.record(claim, Succeeded("1"))
    before = run.nodes()

    again = run.record(claim, outcome)

    assert (again.accepted, again.ready, again.finished) == (False, (), None)
    assert run.nodes() == before


def test_only_the_holder_of_the_token_is_accepted(start):
    run = start(chain(1))
    claim = run.claim("n0")

    assert not run.record(replace(claim, token="stolen"), Succeeded("2")).accepted
    assert run.record(claim, Succeeded("1")).accepted


def test_a_zombie_cannot_record_for_the_attempt_that_followed_it(start, store):
    run = start(chain(1))
    zombie = run.claim("n0")
    run.queued((store.give_back(zombie),))
    claim = run.claim("n0")

    assert not run.record(zombie, Succeeded('"late"')).accepted
    assert run.record(claim, Succeeded('"right"')).accepted
    assert store.result(run.run_id, 0) == '"right"'


def test_a_node_that_was_not_claimed_has_no_outcome(start):
    run = start(chain(2))
    claim = run.claim("n0")

    assert not run.record(replace(claim, ref=run.ref("n1")), Succeeded("1")).accepted


def test_the_last_node_of_a_diamond_with_unequal_arms_runs_once_after_both(start):
    run = start(plan_of({"a": ["b", "d"], "b": ["c"], "c": ["d"]}))

    queued = [run.names]
    for name in "abc":
        run.succeed(name)
        queued.append(run.names)

    assert queued == [["a"], ["b"], ["c"], ["d"]]
    assert run.succeed("d").finished is RunState.SUCCESS
    assert [node.attempt for node in run.nodes()] == [1, 1, 1, 1]


@pytest.mark.parametrize("order", [("m0", "m1", "m2"), ("m2", "m0", "m1")])
def test_a_fan_in_is_queued_by_its_last_predecessor_alone(start, order):
    run = start(fan(3))
    run.succeed("first")

    queued = [len(run.succeed(name).ready) for name in order]

    assert queued == [0, 0, 1]


def test_a_run_succeeds_with_its_last_sink(start, store):
    run = start(plan_of({"a": ["b", "c"]}))
    run.succeed("a")
    run.succeed("b")
    assert run.state is RunState.RUNNING

    assert run.succeed("c").finished is RunState.SUCCESS

    record = store.run(run.run_id)
    assert (record.state, record.error) == (RunState.SUCCESS, None)
    assert record.finished_at >= record.started_at >= record.created_at
    assert record.counts == dict.fromkeys(NodeState, 0) | {NodeState.SUCCESS: 3}


def test_a_run_whose_node_failed_is_failed_and_says_which(start, store):
    run = start(plan_of({"a": ["b"], "b": ["c"]}))
    run.succeed("a")

    assert run.fail("b").finished is RunState.FAILED
    assert store.run(run.run_id).error == "b: ValueError: no luck"


def test_a_run_fails_even_if_a_later_node_succeeds(start):
    run = start(plan_of({"a": ["b"]}, b={"rule": "all_done"}))
    run.fail("a")

    assert run.succeed("b").finished is RunState.FAILED


def test_an_error_is_kept_with_its_node(start):
    run = start(chain(1))

    run.fail("n0")

    assert run.node("n0").error == ErrorInfo("ValueError", "no luck", "line 1")
    assert run.node("n0").tries == 1


def test_the_reason_of_a_skip_is_kept(start):
    run = start(chain(1))

    assert run.skip("n0").finished is RunState.SUCCESS
    assert run.node("n0").error == ErrorInfo("Skip", "not today")


def test_what_an_attempt_logged_is_kept_with_it(start, store):
    run = start(chain(1))
    run.record(run.claim("n0"), Failed(ErrorInfo("E", "m"), log="one\n"), delay=0)
    run.queued(store.queue_due("memory://here", limit=9)[0].ready)
    run.record(run.claim("n0"), Succeeded("1", log="two\n"))

    assert store.logs(run.run_id, 0) == [(1, "one\n"), (2, "two\n")]


def test_a_silent_attempt_has_no_log(start, store):
    run = start(chain(1))
    run.succeed("n0")

    assert store.logs(run.run_id, 0) == []
