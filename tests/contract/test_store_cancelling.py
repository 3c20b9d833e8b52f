from __future__ import annotations

import pytest

from plans import chain, mapping, plan_of, roots
from pypeline.errors import UnknownRun
from pypeline.runs.outcome import ErrorInfo, Failed, Postponed, Succeeded
from pypeline.runs.states import Flag, NodeState, RunState

BROKER = "memory://here"
CANCELLED = NodeState.CANCELLED


def cancel(run, flag=Flag.CANCEL):
    return run.store.cancel(run.plan, run.run_id, flag)


def test_a_run_in_which_nothing_runs_is_cancelled_at_once(start, store):
    run = start(chain(3))

    assert cancel(run) is RunState.CANCELLED

    record = store.run(run.run_id)
    assert (record.state, record.flag, record.error) == (RunState.CANCELLED, Flag.CANCEL, None)
    assert record.finished_at is not None
    assert set(run.states().values()) == {CANCELLED}


def test_what_waits_ends_and_what_runs_may_end_by_itself(start):
    run = start(plan_of({"a": ["d"], "b": [], "c": []}))
    claim = run.claim("a")
    run.fail("b", delay=60)

    assert cancel(run) is RunState.RUNNING
    assert run.states() == {"a": NodeState.RUNNING, "b": CANCELLED, "c": CANCELLED, "d": CANCELLED}

    recorded = run.record(claim, Succeeded("1"))
    assert (recorded.accepted, recorded.ready, recorded.finished) == (True, (), RunState.CANCELLED)
    assert run.states()["a"] is NodeState.SUCCESS


def test_the_run_ends_with_the_last_that_runs(start):
    run = start(roots(3))
    claims = [run.claim("r0"), run.claim("r1")]
    cancel(run)

    assert run.record(claims[0], Succeeded("1")).finished is None
    assert run.record(claims[1], Succeeded("1")).finished is RunState.CANCELLED


def test_a_cancel_that_comes_too_late_to_end_anything_leaves_a_success(start):
    run = start(chain(1))
    claim = run.claim("n0")
    cancel(run)

    assert run.record(claim, Succeeded("1")).finished is RunState.SUCCESS


def test_a_cancel_that_ends_nothing_leaves_a_failure(start, store):
    run = start(chain(1))
    claim = run.claim("n0")
    cancel(run)

    assert run.record(claim, Failed(ErrorInfo("E", "m"))).finished is RunState.FAILED
    assert store.run(run.run_id).error == "n0: E: m"


@pytest.mark.parametrize("outcome", [Failed(ErrorInfo("E", "m")), Postponed(5, "later")])
def test_a_cancelled_run_tries_nothing_again(start, outcome):
    run = start(chain(2))
    claim = run.claim("n0")
    cancel(run)

    assert run.record(claim, outcome, delay=5).finished is RunState.CANCELLED
    assert set(run.states().values()) == {CANCELLED}


def test_a_failure_in_a_cancelled_run_keeps_its_history(start, store):
    run = start(chain(2))
    claim = run.claim("n0")
    cancel(run)
    run.record(claim, Failed(ErrorInfo("E", "m")), delay=5)

    assert [one.outcome for one in store.attempts(run.run_id)] == ["failed"]


def test_a_cancel_may_be_repeated(start):
    run = start(chain(2))
    claim = run.claim("n0")

    assert [cancel(run), cancel(run)] == [RunState.RUNNING, RunState.RUNNING]
    run.record(claim, Succeeded("1"))
    assert cancel(run) is RunState.CANCELLED


def test_a_run_that_has_ended_is_left_as_it_is(start, store):
    run = start(chain(1))
    run.succeed("n0")
    before = store.run(run.run_id)

    assert cancel(run) is RunState.SUCCESS
    assert store.run(run.run_id) == before


def test_an_unknown_run_cannot_be_cancelled(store):
    with pytest.raises(UnknownRun):
        store.cancel(chain(1), "nope", Flag.CANCEL)


def test_items_that_wait_are_cancelled_with_their_node(start):
    run = start(mapping(window=2))
    run.list("list", 4)
    run.succeed("each", 0)
    claim = run.claim("each", 1)

    assert cancel(run) is RunState.RUNNING
    assert run.states()["each"] is NodeState.RUNNING
    assert run.record(claim, Succeeded("1")).finished is RunState.CANCELLED
    assert run.item_states("each") == [NodeState.SUCCESS, NodeState.SUCCESS, CANCELLED, CANCELLED]
    assert run.states() == {"list": NodeState.SUCCESS, "each": CANCELLED, "end": CANCELLED}


def test_a_list_that_comes_after_the_cancel_makes_no_items(start):
    run = start(mapping())
    claim = run.claim("list")
    cancel(run)

    recorded = run.record(claim, Succeeded(None, ("1", "2")))

    assert (recorded.ready, recorded.finished) == ((), RunState.CANCELLED)
    assert run.states()["each"] is CANCELLED


def test_what_was_given_back_to_a_cancelled_run_is_ended_by_the_sweep(start, store):
    run = start(chain(2))
    claim = run.claim("n0")
    cancel(run)
    store.give_back(claim)

    assert store.flagged(BROKER, limit=9) == [run.run_id]
    assert store.flagged("elsewhere", limit=9) == []
    assert cancel(run) is RunState.CANCELLED
    assert store.flagged(BROKER, limit=9) == []


# — deadlines —


def test_a_run_is_overdue_once_its_deadline_has_passed(start, store, age):
    run = start(chain(2, deadline=60))
    start(chain(2))
    age(59)
    assert store.overdue(BROKER, limit=9) == []

    age(2)

    assert store.overdue(BROKER, limit=9) == [run.run_id]
    assert store.overdue("elsewhere", limit=9) == []


def test_a_run_past_its_deadline_fails_and_says_so(start, store, age):
    run = start(chain(2, deadline=60))
    claim = run.claim("n0")
    age(61)

    assert cancel(run, Flag.DEADLINE) is RunState.RUNNING
    assert store.overdue(BROKER, limit=9) == []
    assert run.record(claim, Succeeded("1")).finished is RunState.FAILED
    assert store.run(run.run_id).error == "the deadline of the run has passed"
    assert store.run(run.run_id).flag is Flag.DEADLINE


def test_the_first_flag_stays(start, store):
    run = start(chain(2))
    claim = run.claim("n0")
    cancel(run)

    cancel(run, Flag.DEADLINE)

    assert store.run(run.run_id).flag is Flag.CANCEL
    assert run.record(claim, Succeeded("1")).finished is RunState.CANCELLED


def test_a_run_that_has_ended_is_not_overdue(start, store, age):
    run = start(chain(1, deadline=60))
    run.succeed("n0")
    age(61)

    assert store.overdue(BROKER, limit=9) == []
