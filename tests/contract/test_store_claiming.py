from __future__ import annotations

from datetime import timedelta

from plans import chain, plan_of
from pypeline.runs.outcome import Succeeded
from pypeline.runs.states import Flag, NodeState, RunState


def test_a_claim_takes_the_node_for_one_worker(start):
    run = start(chain(1))

    claim = run.claim("n0")

    node = run.node("n0")
    assert (node.state, node.worker, node.attempt) == (NodeState.RUNNING, "w", 1)
    assert node.started_at is not None
    assert claim.tries == 0
    assert claim.sent_at <= node.started_at
    assert claim.sent_at.utcoffset() == timedelta(0)


def test_a_copy_of_a_message_claims_nothing(start):
    run = start(chain(1))
    run.claim("n0")

    assert run.try_claim("n0") is None


def test_a_claim_may_be_repeated_with_its_token(start):
    run = start(chain(1))
    first = run.try_claim("n0", token="mine")

    assert run.try_claim("n0", token="mine") == first
    assert run.try_claim("n0", token="other") is None


def test_a_claim_cannot_be_repeated_once_it_was_recorded(start):
    run = start(chain(1))
    run.record(run.try_claim("n0", token="mine"), Succeeded("1"))

    assert run.try_claim("n0", token="mine") is None


def test_another_attempt_than_the_queued_one_claims_nothing(start):
    run = start(chain(1))

    assert run.try_claim("n0", attempt=0) is None
    assert run.try_claim("n0", attempt=2) is None
    assert run.try_claim("n0", attempt=1) is not None


def test_a_node_whose_turn_has_not_come_cannot_be_claimed(start):
    run = start(chain(2))

    assert run.try_claim("n1", attempt=0) is None
    assert run.try_claim("n1", attempt=1) is None


def test_what_does_not_exist_cannot_be_claimed(start):
    run = start(chain(1))

    assert run.try_claim("n0", item=3) is None


def test_a_run_starts_with_its_first_claim(start, store):
    run = start(plan_of({"a": [], "b": []}))
    run.claim("a")
    started = store.run(run.run_id).started_at

    run.claim("b")

    assert run.state is RunState.RUNNING
    assert started is not None
    assert store.run(run.run_id).started_at == started


def test_nothing_of_a_flagged_run_can_be_claimed(start, store):
    run = start(plan_of({"a": [], "b": ["c"]}))
    run.claim("a")

    store.cancel(run.plan, run.run_id, Flag.CANCEL)

    assert run.try_claim("b") is None
