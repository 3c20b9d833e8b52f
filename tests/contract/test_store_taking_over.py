"""Continuing a run whose process is gone."""

from __future__ import annotations

import pytest

from plans import chain, mapping, plan_of
from pypeline.errors import NotPossible
from pypeline.runs.outcome import Succeeded
from pypeline.runs.states import Flag, NodeState, RunState
from pypeline.store.records import NODE, Ready

BROKER = "memory://here"


def test_what_was_out_is_queued_again_uncharged_on_the_new_broker(start, store):
    run = start(plan_of({"a": ["d"], "b": [], "c": []}))
    run.succeed("a")
    zombie = run.claim("b")
    assert zombie.ref.position == 2

    ready = store.take_over(run.plan, run.run_id, owner=BROKER, broker="mine")

    assert ready == (Ready(1, NODE, 2), Ready(2, NODE, 2), Ready(3, NODE, 2))
    assert {node.tries for node in run.nodes()} == {0}
    assert store.run(run.run_id).broker == "mine"
    assert [(one.ref.position, one.outcome) for one in store.attempts(run.run_id)] == [(2, "lost")]
    assert not run.record(zombie, Succeeded("1")).accepted
    run.queued(ready)
    run.drain()
    assert run.state is RunState.SUCCESS


def test_what_waits_for_its_next_try_goes_on_waiting(start, store, age):
    run = start(chain(1))
    run.fail("n0", delay=5)

    assert store.take_over(run.plan, run.run_id, owner=BROKER, broker="mine") == ()
    age(5)
    assert [resent.run_id for resent in store.queue_due("mine", limit=9)] == [run.run_id]


def test_items_are_taken_over_but_not_their_node(start, store):
    run = start(mapping(window=2))
    run.list("list", 3)
    run.claim("each", 0)

    ready = store.take_over(run.plan, run.run_id, owner=BROKER, broker="mine")

    assert ready == (Ready(1, 0, 2), Ready(1, 1, 2))
    assert run.states()["each"] is NodeState.RUNNING


def test_a_run_is_taken_over_once(start, store):
    run = start(chain(1))
    store.take_over(run.plan, run.run_id, owner=BROKER, broker="mine")

    with pytest.raises(NotPossible):
        store.take_over(run.plan, run.run_id, owner=BROKER, broker="yours")

    assert run.node("n0").attempt == 2


def test_a_run_that_has_ended_is_not_taken_over(start, store):
    run = start(chain(1))
    run.drain()

    with pytest.raises(NotPossible):
        store.take_over(run.plan, run.run_id, owner=BROKER, broker="mine")


def test_a_cancelled_run_that_is_taken_over_ends(start, store):
    run = start(chain(2))
    run.claim("n0")
    assert store.cancel(run.plan, run.run_id, Flag.CANCEL) is RunState.RUNNING

    assert store.take_over(run.plan, run.run_id, owner=BROKER, broker="mine") == ()
    assert run.state is RunState.CANCELLED
