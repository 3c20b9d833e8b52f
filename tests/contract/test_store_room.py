"""``maxConcurrency``: how many nodes of one run may be queued or running."""

from __future__ import annotations

import random

import pytest

from plans import fan, layers, mapping, roots
from pypeline.runs.outcome import ErrorInfo, Failed
from pypeline.runs.states import Flag, NodeState, RunState
from pypeline.store.records import NODE, Ready

BROKER = "memory://here"
OUT = (NodeState.QUEUED, NodeState.RUNNING)


def out(run):
    """Nodes and items that are queued or running; a mapped node itself takes no room."""
    mapped = {step.name for step in run.plan.steps if step.for_each is not None}
    return [n for n in run.nodes() if n.state in OUT and not (n.item is None and n.name in mapped)]


def test_ready_nodes_wait_for_room_and_are_admitted_in_order(start):
    run = start(fan(5, max_concurrency=2))

    assert run.succeed("first").ready == (Ready(1, NODE, 1), Ready(2, NODE, 1))
    assert run.succeed("m1").ready == (Ready(3, NODE, 1),)
    assert run.succeed("m0").ready == (Ready(4, NODE, 1),)
    assert run.node("m4").state is NodeState.PENDING
    assert run.node("m4").waiting == 0


@pytest.mark.parametrize("ending", ["succeed", "fail", "skip"])
def test_an_end_frees_its_room(start, ending):
    run = start(roots(3, max_concurrency=1))

    recorded = getattr(run, ending)("r0")

    assert recorded.ready == (Ready(1, NODE, 1),)


def test_an_attempt_that_waits_for_its_next_try_takes_no_room(start, store, age):
    run = start(roots(2, max_concurrency=1))

    assert run.fail("r0", delay=5).ready == (Ready(1, NODE, 1),)
    age(5)
    assert store.queue_due(BROKER, limit=9) == []
    assert run.node("r0").state is NodeState.PENDING
    assert store.with_room(BROKER, limit=9) == []
    assert run.succeed("r1").ready == (Ready(0, NODE, 2),)


def test_a_postponed_attempt_takes_no_room(start):
    run = start(roots(2, max_concurrency=1))

    assert run.postpone("r0").ready == (Ready(1, NODE, 1),)


def test_the_sweep_admits_what_came_back_while_there_is_room(start, store, age):
    run = start(roots(1, max_concurrency=2))
    run.fail("r0", delay=5)
    age(5)
    store.queue_due(BROKER, limit=9)

    assert store.with_room(BROKER, limit=9) == [run.run_id]
    assert store.with_room("elsewhere", limit=9) == []
    assert store.admit(run.run_id) == (Ready(0, NODE, 2),)
    assert store.admit(run.run_id) == ()
    assert store.with_room(BROKER, limit=9) == []


def test_a_run_without_a_bound_admits_nothing(start, store):
    run = start(roots(2))

    assert store.with_room(BROKER, limit=9) == []
    assert store.admit(run.run_id) == ()


def test_what_is_given_back_keeps_its_room(start, store):
    run = start(roots(2, max_concurrency=1))

    run.queued((store.give_back(run.claim("r0")),))

    assert run.names == ["r0"]
    assert store.admit(run.run_id) == ()


def test_items_take_room_and_the_node_that_they_belong_to_does_not(start):
    run = start(mapping(max_concurrency=2))

    run.list("list", 5)

    assert run.names == ["each[0]", "each[1]"]
    assert run.succeed("each", 0).ready == (Ready(1, 2, 1),)


def test_a_window_that_is_smaller_than_the_room_holds(start):
    run = start(mapping(max_concurrency=3, window=1))
    run.list("list", 3)

    assert run.names == ["each[0]"]
    assert run.succeed("each", 0).ready == (Ready(1, 1, 1),)
    assert run.succeed("each", 1).ready == (Ready(1, 2, 1),)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("plan", [layers(4, 5, max_concurrency=3), mapping(max_concurrency=3, window=4)])
def test_no_more_than_the_bound_is_ever_out(start, plan, seed):
    chance = random.Random(seed)
    run = start(plan)
    if "list" in plan.dag.positions:
        run.list("list", 12)

    while run.out:
        assert len(out(run)) <= 3
        name, item = chance.choice(list(run.out))
        run.succeed(name, item)

    assert run.state is RunState.SUCCESS


def test_a_full_run_is_kept_full(start):
    run = start(layers(3, 6, max_concurrency=4))

    for _ in range(2):
        run.succeed(*next(iter(run.out)))
        assert len(run.out) == 4


def test_a_run_that_is_done_again_begins_with_all_its_room(start, store):
    run = start(roots(3, max_concurrency=2))
    claims = [run.claim("r0"), run.claim("r1")]
    store.cancel(run.plan, run.run_id, Flag.CANCEL)
    for claim in claims:
        run.record(claim, Failed(ErrorInfo("E", "m")))
    assert run.state is RunState.CANCELLED

    ready = store.reset(run.plan, run.run_id, from_position=None, broker=BROKER)

    assert [node.position for node in ready] == [0, 1]
