"""Opening a finished run again."""

from __future__ import annotations

import threading

import pytest

from plans import chain, mapping, plan_of
from pypeline.errors import NotPossible, UnknownRun
from pypeline.runs.outcome import ErrorInfo, Succeeded
from pypeline.runs.states import Flag, NodeState, RunState
from pypeline.store.records import NODE, Ready

BROKER = "memory://here"
SUCCESS, FAILED, SKIPPED = NodeState.SUCCESS, NodeState.FAILED, NodeState.SKIPPED
PENDING, QUEUED = NodeState.PENDING, NodeState.QUEUED


def reset(run, *, start=None, broker=BROKER):
    position = None if start is None else run.plan.dag.positions[start]
    ready = run.store.reset(run.plan, run.run_id, from_position=position, broker=broker)
    run.out.clear()
    run.queued(ready)
    return ready


def test_what_failed_is_done_again_with_what_follows(start, store):
    run = start(plan_of({"a": ["b", "c"], "b": ["d"], "d": ["e"]}))
    run.succeed("a", result='"kept"')
    run.succeed("c")
    run.fail("b")
    assert run.state is RunState.FAILED

    assert reset(run) == (Ready(1, NODE, 2),)

    assert run.plan.dag.names[1] == "b"
    assert run.states() == {"a": SUCCESS, "b": QUEUED, "c": SUCCESS, "d": PENDING, "e": PENDING}
    record = store.run(run.run_id)
    assert (record.state, record.error, record.finished_at) == (RunState.PENDING, None, None)
    assert store.result(run.run_id, 0) == '"kept"'
    run.drain()
    assert run.state is RunState.SUCCESS
    assert [node.attempt for node in run.nodes() if node.name in "bde"] == [2, 1, 1]


def test_what_is_done_again_has_all_its_tries_and_no_trace_of_the_last(start):
    run = start(chain(1))
    run.fail("n0")

    reset(run)

    node = run.node("n0")
    assert node.tries == 0
    assert {node.error, node.worker, node.started_at, node.finished_at} == {None}


def test_its_history_stays(start, store):
    run = start(chain(1))
    run.fail("n0")
    reset(run)
    run.fail("n0")

    assert [one.ref.attempt for one in store.attempts(run.run_id)] == [1, 2]


def test_a_cancelled_run_goes_on_where_it_was(start, store):
    run = start(chain(3))
    run.succeed("n0")
    store.cancel(run.plan, run.run_id, Flag.CANCEL)

    ready = reset(run)

    assert [node.position for node in ready] == [1]
    assert store.run(run.run_id).flag is None
    run.drain()
    assert run.state is RunState.SUCCESS


def test_a_zombie_of_the_first_life_cannot_record(start, store, age):
    run = start(chain(2))
    zombie = run.claim("n0")
    age(31)
    store.lose(run.plan, zombie, delay=None, error=ErrorInfo("WorkerLost", "gone"))
    reset(run)
    claim = run.claim("n0")

    assert not run.record(zombie, Succeeded('"late"')).accepted
    assert run.record(claim, Succeeded('"right"')).accepted


def test_a_message_of_the_first_life_claims_nothing(start, store):
    run = start(chain(2))
    store.cancel(run.plan, run.run_id, Flag.CANCEL)
    reset(run)

    assert run.try_claim("n0", attempt=1) is None
    assert run.try_claim("n0", attempt=2) is not None


def test_a_success_is_done_again_from_a_node_on(start, store):
    run = start(plan_of({"a": ["b", "c"], "b": ["d"]}))
    run.drain()

    reset(run, start="b")

    assert run.states() == {"a": SUCCESS, "b": QUEUED, "c": SUCCESS, "d": PENDING}
    assert store.result(run.run_id, run.plan.dag.positions["b"]) is None


def test_what_failed_elsewhere_is_done_again_too(start):
    run = start(plan_of({"a": ["b"], "x": []}))
    run.fail("x")
    run.drain()

    reset(run, start="b")

    assert run.states() == {"a": SUCCESS, "b": QUEUED, "x": QUEUED}


def test_a_kept_failure_of_a_rule_is_decided_anew(start):
    run = start(plan_of({"a": ["b"], "b": ["c"]}, c={"rule": "one_failed"}))
    run.skip("a")
    assert run.states() == {"a": SKIPPED, "b": SKIPPED, "c": SKIPPED}

    reset(run, start="b")

    assert run.states()["a"] is SKIPPED
    assert run.state is RunState.SUCCESS
    assert run.states() == {"a": SKIPPED, "b": SKIPPED, "c": SKIPPED}


def test_the_deadline_starts_anew(start, store, age):
    run = start(chain(2, deadline=60))
    age(61)
    store.cancel(run.plan, run.run_id, Flag.DEADLINE)

    reset(run)

    assert store.overdue(BROKER, limit=9) == []
    age(61)
    assert store.overdue(BROKER, limit=9) == [run.run_id]


def test_it_continues_on_the_broker_of_whoever_asked(start, store):
    run = start(chain(1))
    run.fail("n0")

    reset(run, broker="elsewhere")

    assert store.run(run.run_id).broker == "elsewhere"


@pytest.mark.parametrize("ending", ["drain", None])
def test_without_anything_to_do_again_it_is_refused(start, ending):
    run = start(chain(2))
    if ending:
        run.drain()

    with pytest.raises(NotPossible):
        reset(run)


def test_an_unknown_run_is_unknown(store):
    with pytest.raises(UnknownRun):
        store.reset(chain(1), "nope", from_position=None, broker=BROKER)


def test_of_several_at_once_one_opens_the_run(start, store):
    run = start(chain(3))
    run.fail("n0")
    together, answers = threading.Barrier(4), []

    def race():
        together.wait()
        try:
            answers.append(store.reset(run.plan, run.run_id, from_position=None, broker=BROKER))
        except NotPossible:
            answers.append(None)

    threads = [threading.Thread(target=race) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answers, key=str) == [(Ready(0, NODE, 2),), None, None, None]


# — items —


def failed_map(start, **options):
    run = start(mapping(**options))
    run.list("list", 4)
    for item in range(4):
        (run.fail if item in (1, 2) else run.succeed)("each", item)
    assert run.state is RunState.FAILED
    return run


def test_items_that_succeeded_are_kept(start, store):
    run = failed_map(start)

    assert reset(run) == (Ready(1, 1, 2), Ready(1, 2, 2))

    assert run.item_states("each") == [SUCCESS, QUEUED, QUEUED, SUCCESS]
    assert run.states() == {"list": SUCCESS, "each": NodeState.RUNNING, "end": PENDING}
    assert run.node("each").waiting == 2
    run.drain()
    assert run.state is RunState.SUCCESS
    assert list(store.elements(run.run_id, 1)) == ["1"] * 4


def test_items_that_are_done_again_leave_in_windows(start):
    run = failed_map(start, window=1)

    assert reset(run) == (Ready(1, 1, 2),)
    assert run.succeed("each", 1).ready == (Ready(1, 2, 2),)
    run.drain()
    assert run.state is RunState.SUCCESS


def test_items_that_are_done_again_wait_for_room(start):
    run = failed_map(start, max_concurrency=1)

    assert reset(run) == (Ready(1, 1, 2),)
    run.drain()
    assert run.state is RunState.SUCCESS


def test_cancelled_items_are_done_again(start, store):
    run = start(mapping(window=1))
    run.list("list", 3)
    run.succeed("each", 0)
    store.cancel(run.plan, run.run_id, Flag.CANCEL)

    assert [node.item for node in reset(run)] == [1]
    run.drain()
    assert run.state is RunState.SUCCESS


def test_from_a_mapped_node_all_its_items_are_made_anew(start):
    run = failed_map(start)

    reset(run, start="each")

    assert run.item_states("each") == [QUEUED] * 4
    assert all(run.try_claim("each", item, attempt=1) is None for item in range(4))
    run.drain()
    assert run.state is RunState.SUCCESS


def test_from_its_source_a_mapped_node_gets_a_new_list(start, store):
    run = failed_map(start)
    attempts = {run.node("each", item).attempt for item in range(4)}

    reset(run, start="list")

    assert run.item_states("each") == []
    assert list(store.elements(run.run_id, 0)) == []
    run.list("list", 2)
    assert run.item_states("each") == [QUEUED, QUEUED]
    assert min(run.out[("each", item)] for item in range(2)) > max(attempts)
    run.drain()
    assert run.state is RunState.SUCCESS


def test_a_node_that_maps_over_items_done_again_is_mapped_anew(start):
    run = start(plan_of({"a": ["b"], "b": ["c"]}, b={"for_each": "a"}, c={"for_each": "b"}))
    run.list("a", 2)
    run.succeed("b", 0)
    run.succeed("b", 1)
    run.fail("c", 0)
    run.succeed("c", 1)

    reset(run, start="b")
    run.drain()

    assert run.state is RunState.SUCCESS
    assert run.item_states("c") == [SUCCESS, SUCCESS]
