"""What follows a failure: another attempt, the end, or nothing at all where the worker was lost."""

from __future__ import annotations

import threading

import pytest

from plans import chain, mapping
from pypeline.runs.outcome import ErrorInfo, Succeeded
from pypeline.runs.states import Flag, NodeState, RunState
from pypeline.store.records import NODE, Ready, WorkerBeat

BROKER = "memory://here"
LOST = ErrorInfo("WorkerLost", "worker w gave no sign")


def due(store):
    return [node for resent in store.queue_due(BROKER, limit=100) for node in resent.ready]


def test_a_failure_with_a_delay_waits_and_is_charged(start):
    run = start(chain(2))

    recorded = run.fail("n0", delay=10)

    node = run.node("n0")
    assert (recorded.accepted, recorded.ready, recorded.finished) == (True, (), None)
    assert (node.state, node.tries, node.attempt) == (NodeState.RETRYING, 1, 1)
    assert node.error.message == "no luck"
    assert node.due_at is not None
    assert run.states()["n1"] is NodeState.PENDING


def test_a_delay_that_has_not_passed_queues_nothing(start, store, age):
    run = start(chain(1))
    run.fail("n0", delay=10)

    age(9)

    assert due(store) == []


def test_a_delay_that_has_passed_queues_the_next_attempt(start, store, age):
    run = start(chain(1))
    run.fail("n0", delay=10)
    age(10)

    assert due(store) == [Ready(0, NODE, 2)]

    assert due(store) == []
    assert run.node("n0").state is NodeState.QUEUED
    assert run.try_claim("n0", attempt=1) is None
    assert run.try_claim("n0", attempt=2).tries == 1


def test_the_longest_overdue_come_first(start, store, age):
    runs = [start(chain(1)) for _ in range(3)]
    for run, delay in zip(runs, (3, 1, 2), strict=True):
        run.fail("n0", delay=delay)
    age(5)

    found = [store.queue_due(BROKER, limit=1)[0].run_id for _ in range(3)]

    assert found == [runs[1].run_id, runs[2].run_id, runs[0].run_id]


def test_retries_of_another_broker_or_a_flagged_run_are_not_queued(start, store, age):
    start(chain(1), broker="elsewhere").fail("n0", delay=0)
    run = start(chain(1))
    claim = run.claim("n0")
    store.cancel(run.plan, run.run_id, Flag.CANCEL)
    run.record(claim, Succeeded("1"))
    age(1)

    assert due(store) == []


def test_a_success_after_a_failure_ends_the_run_well(start, store):
    run = start(chain(1))
    run.fail("n0", delay=0)
    run.queued(due(store))

    assert run.succeed("n0").finished is RunState.SUCCESS
    node = run.node("n0")
    assert (node.attempt, node.tries, node.error, node.due_at) == (2, 1, None, None)


def test_each_failed_attempt_leaves_its_history(start, store):
    run = start(chain(1))
    run.fail("n0", delay=0)
    run.queued(due(store))
    run.fail("n0")

    history = store.attempts(run.run_id)

    assert [(one.ref.attempt, one.outcome, one.worker) for one in history] == [
        (1, "failed", "w"),
        (2, "failed", "w"),
    ]
    assert all(one.finished_at >= one.started_at for one in history)
    assert history[0].error.message == "no luck"


def test_a_postponed_attempt_is_not_charged_and_comes_again(start, store, age):
    run = start(chain(1))

    run.postpone("n0", seconds=10)

    node = run.node("n0")
    assert (node.state, node.tries) == (NodeState.RETRYING, 0)
    assert node.error == ErrorInfo("RetryLater", "later")
    assert store.attempts(run.run_id) == []
    assert due(store) == []
    age(10)
    assert due(store) == [Ready(0, NODE, 2)]


def test_what_is_given_back_is_queued_again_uncharged(start, store):
    run = start(chain(1))
    claim = run.claim("n0")

    ready = store.give_back(claim)

    assert ready == Ready(0, NODE, 2)
    assert (run.node("n0").state, run.node("n0").tries) == (NodeState.QUEUED, 0)
    assert store.give_back(claim) is None
    assert not run.record(claim, Succeeded("1")).accepted


def test_what_has_ended_cannot_be_given_back(start, store):
    run = start(chain(1))
    claim = run.claim("n0")
    run.record(claim, Succeeded("1"))

    assert store.give_back(claim) is None


# — leases —


def test_a_lease_that_runs_is_not_lapsed(start, store, age):
    run = start(chain(1))
    run.claim("n0")

    age(29)

    assert store.lapsed(BROKER, limit=9) == []


def test_a_lapsed_lease_is_found_with_its_worker(start, store, age):
    run = start(chain(1))
    claim = run.claim("n0")
    age(31)

    [(found, worker)] = store.lapsed(BROKER, limit=9)

    assert (found.ref, found.token, found.tries, worker) == (claim.ref, claim.token, 0, "w")
    assert store.lapsed("elsewhere", limit=9) == []


def test_a_lost_lease_is_charged_once(start, store, age):
    run = start(chain(1))
    claim = run.claim("n0")
    age(31)

    first = store.lose(run.plan, claim, delay=0, error=LOST)
    second = store.lose(run.plan, claim, delay=0, error=LOST)

    assert (first.accepted, second.accepted) == (True, False)
    assert run.node("n0").tries == 1
    assert [(one.outcome, one.error) for one in store.attempts(run.run_id)] == [("lost", LOST)]


def test_the_last_try_of_a_lost_worker_fails_the_node(start, store, age):
    run = start(chain(2))
    claim = run.claim("n0")
    age(31)

    assert store.lose(run.plan, claim, delay=None, error=LOST).finished is RunState.FAILED


def test_a_lost_item_is_charged_to_the_item(start, store, age):
    run = start(mapping())
    run.list("list", 2)
    claim = run.claim("each", 0)
    age(31)

    assert store.lose(run.plan, claim, delay=5, error=LOST).accepted
    assert run.item_states("each") == [NodeState.RETRYING, NodeState.QUEUED]


def test_a_renewed_lease_is_not_charged(start, store, age):
    run = start(chain(1))
    claim = run.claim("n0")
    age(31)
    store.beat(WorkerBeat("w", BROKER, ("q",)), [claim.ref], lease=30)

    assert not store.lose(run.plan, claim, delay=0, error=LOST).accepted
    assert run.record(claim, Succeeded("1")).accepted


@pytest.mark.parametrize("name", ["list", "each"])
def test_a_lease_that_is_renewed_while_it_is_taken_for_lost_is_not_charged(postgres, drive, shift, name):
    run = drive(postgres, mapping())
    if name == "each":
        run.list("list", 1)
    claim = run.claim(name, 0 if name == "each" else NODE)
    shift(postgres, 31)
    answers = []
    with postgres._dialect.connect() as renewing, renewing.transaction():
        renewing.execute(
            "UPDATE pypeline_node SET lease_until = now() + interval '30 s' WHERE state = 'running'"
        )
        loser = threading.Thread(
            target=lambda: answers.append(postgres.lose(run.plan, claim, delay=0, error=LOST))
        )
        loser.start()
        wait_until_blocked(postgres)
    loser.join(10)

    assert [answer.accepted for answer in answers] == [False]


def wait_until_blocked(store):
    waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    while not store._connections.read(lambda tx: tx.one(waiting)):
        pass
