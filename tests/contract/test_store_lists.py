"""Pages of runs and of nodes, on both databases."""

from __future__ import annotations

import pytest

from plans import chain, fan, mapping
from pypeline.runs.states import NodeState
from pypeline.store.records import NODE, RunFilter


@pytest.fixture
def started(start, age):
    """Starts a run, and lets a second pass after it."""

    def begin(plan=None, **new):
        run = start(plan or chain(1), **new)
        age(1)
        return run.run_id

    return begin


@pytest.fixture
def pages(store):
    """Reads the runs page by page, each after the last of the one before; something may happen in between."""

    def read(between=lambda: None, **wanted):
        found, last = [], {}
        while page := store.runs(RunFilter(**wanted, **last)):
            found += [run.run_id for run in page]
            last = {"after": page[-1].run_id, "after_at": page[-1].created_at}
            between()
        return found

    return read


@pytest.fixture
def node_pages(store):
    """The places of a run's nodes, read page by page; lets something happen between them."""

    def read(run_id, between=lambda: None, **wanted):
        found, last = [], None
        while page := store.nodes(run_id, after=last, **wanted):
            found += [node.place for node in page]
            last = page[-1].place
            between()
        return found

    return read


# — which runs —


def test_runs_are_found_by_what_started_them(started, run_ids):
    by_hand, nightly = started(trigger="cli"), started(trigger="schedule:nightly")
    hourly = started(trigger="schedule:hourly")

    assert run_ids(trigger="cli") == [by_hand]
    assert run_ids(trigger="schedule:nightly") == [nightly]
    assert run_ids(trigger="schedule:*") == [hourly, nightly]
    assert run_ids(trigger="schedule:") == []
    assert run_ids(trigger="*") == [hourly, nightly, by_hand]


@pytest.mark.parametrize("pattern", ["%", "_li", "c%*", "___*", "CLI*"])
def test_nothing_but_a_star_at_the_end_stands_for_more(started, run_ids, pattern):
    started(trigger="cli")

    assert run_ids(trigger=pattern) == []


def test_runs_are_found_from_a_time_on_and_before_one(started, store, run_ids):
    first, second, third = started(), started(), started()
    at = {run.run_id: run.created_at for run in store.runs(RunFilter())}

    assert run_ids(created_from=at[second]) == [third, second]
    assert run_ids(created_before=at[second]) == [first]
    assert run_ids(created_from=at[first], created_before=at[third]) == [second, first]


def test_all_that_is_wanted_of_runs_must_hold(started, store, run_ids):
    started(trigger="cli"), started(chain(1, pipeline_id="other"), trigger="api")
    one = started(trigger="api")
    at = store.run(one).created_at

    assert run_ids(pipeline_id="p", trigger="a*", created_from=at, prefix=one[:9]) == [one]


# — pages of runs —


def test_pages_hold_each_run_once_while_others_are_started(start, started, pages):
    made = [started() for _ in range(7)]

    assert pages(lambda: start(chain(1)), limit=2) == made[::-1]


def test_pages_of_what_is_wanted_hold_each_run_once(start, started, pages):
    made = [started(trigger="schedule:a") for _ in range(3)]
    started(trigger="cli")
    made += [started(trigger="schedule:b") for _ in range(2)]

    def another():
        start(chain(1), trigger="schedule:c")

    assert pages(another, limit=1, trigger="schedule:*", pipeline_id="p") == made[::-1]


def test_a_page_follows_a_run_that_was_deleted_meanwhile(started, store, start):
    made = [started(), started(), started()]
    last = start(chain(1))
    last.drain()
    (newest,) = store.runs(RunFilter(limit=1))
    forgotten = store.retention.forget_runs(store.clock(), limit=10)
    store.retention.erase_runs(forgotten, limit=100)

    page = store.runs(RunFilter(after=newest.run_id, after_at=newest.created_at))

    assert forgotten == [newest.run_id]
    assert [run.run_id for run in page] == made[::-1]


def test_pages_keep_runs_of_one_moment_apart(store, start, pages, run_ids):
    made = [start(chain(1)).run_id for _ in range(5)]
    moment = store._connections.read(lambda tx: tx.one("SELECT max(created_at) FROM pypeline_run"))[0]
    store._connections.transact(lambda tx: tx.run("UPDATE pypeline_run SET created_at = :at", at=moment))

    assert pages(limit=2) == sorted(made, reverse=True)


# — pages of nodes —


def test_pages_hold_each_node_and_item_once(start, node_pages):
    run = start(mapping())
    run.list("list", 5)

    everything = [(0, NODE), (1, NODE), *((1, item) for item in range(5)), (2, NODE)]
    for limit in (1, 2, 3, 100):
        assert node_pages(run.run_id, limit=limit) == everything


def test_items_that_arrive_between_two_pages_are_neither_lost_nor_twice(start, node_pages):
    run = start(mapping())

    def arrive():
        if run.out == {("list", NODE): 1}:
            run.list("list", 3)

    found = node_pages(run.run_id, arrive, limit=2)

    assert found == [(0, NODE), (1, NODE), (1, 0), (1, 1), (1, 2), (2, NODE)]


def test_pages_of_nodes_alone_pass_over_the_items(start, node_pages):
    run = start(mapping())
    run.list("list", 5)

    assert node_pages(run.run_id, limit=1, items=False) == [(0, NODE), (1, NODE), (2, NODE)]


def test_pages_of_nodes_in_some_states_hold_those_only(start, node_pages):
    run = start(fan(5))
    run.succeed("first")
    run.fail("m1", delay=60)
    run.fail("m3", delay=60)

    retrying = frozenset({NodeState.RETRYING})

    assert node_pages(run.run_id, limit=1, states=retrying) == [
        run.node("m1").place,
        run.node("m3").place,
    ]


def test_one_node_is_read_with_its_items_page_by_page(start, node_pages):
    run = start(mapping())
    run.list("list", 3)

    assert node_pages(run.run_id, limit=2, position=1) == [(1, NODE), (1, 0), (1, 1), (1, 2)]
    assert node_pages(run.run_id, limit=2, position=2) == [(2, NODE)]
    assert node_pages(run.run_id, limit=2, position=9) == []
