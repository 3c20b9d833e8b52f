from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from plans import chain, mapping, plan_of
from pypeline.errors import UnknownRun
from pypeline.runs.states import NodeState, RunState
from pypeline.store.records import NewRun, RunFilter
from pypeline.store.sql_store import SqlStore


@pytest.fixture
def other_app(store):
    """The same database as another application sees it."""
    with SqlStore(url_of(store), app="other") as opened:
        yield opened


def url_of(store):
    return store._engine.url.render_as_string(hide_password=False)


@pytest.mark.parametrize("question", ["run", "run_state", "context"])
def test_an_unknown_run_is_unknown(store, question):
    with pytest.raises(UnknownRun):
        getattr(store, question)("nope")


def test_a_run_has_the_counts_of_its_nodes_and_items(start, store):
    run = start(mapping())
    run.list("list", 3)
    run.fail("each", 0, delay=9)

    counts = store.run(run.run_id).counts

    assert set(counts) == set(NodeState)
    assert {state: number for state, number in counts.items() if number} == {
        NodeState.SUCCESS: 1,
        NodeState.RUNNING: 1,
        NodeState.RETRYING: 1,
        NodeState.QUEUED: 2,
        NodeState.PENDING: 1,
    }


def test_times_are_aware_and_utc(start, store):
    run = start(chain(1))
    run.drain()

    record = store.run(run.run_id)

    for moment in (record.created_at, record.started_at, record.finished_at, run.node("n0").started_at):
        assert moment.utcoffset() == timedelta(0)
        assert abs(datetime.now(UTC) - moment) < timedelta(minutes=1)


def test_runs_come_newest_first(start, run_ids, age):
    made = []
    for _ in range(4):
        made.insert(0, start(chain(1)).run_id)
        age(1)

    assert run_ids() == made
    assert run_ids(limit=2) == made[:2]


def test_a_page_follows_the_last_run_of_the_one_before(start, run_ids, age):
    for _ in range(5):
        start(chain(1))
        age(1)
    everything = run_ids()

    pages = [run_ids(limit=2), run_ids(limit=2, after=everything[1]), run_ids(limit=2, after=everything[3])]

    assert [run_id for page in pages for run_id in page] == everything
    assert run_ids(after=everything[-1]) == []


def test_pages_do_not_lose_runs_of_the_same_moment(start, store, run_ids):
    for _ in range(5):
        start(chain(1))
    store._connections.transact(lambda tx: tx.run("UPDATE pypeline_run SET created_at = now()"))
    moment = store._connections.read(lambda tx: tx.one("SELECT max(created_at) FROM pypeline_run"))[0]
    store._connections.transact(lambda tx: tx.run("UPDATE pypeline_run SET created_at = :at", at=moment))
    everything = run_ids()

    following = [run_ids(limit=1, after=run_id) for run_id in everything]

    assert following == [[run_id] for run_id in everything[1:]] + [[]]


def test_a_run_that_is_created_meanwhile_does_not_shift_the_pages(start, run_ids, age):
    for _ in range(4):
        start(chain(1))
        age(1)
    first = run_ids(limit=2)

    start(chain(1))

    assert set(run_ids(limit=2, after=first[-1])).isdisjoint(first)


def test_runs_are_found_by_pipeline_and_state(start, run_ids):
    done, failed, waiting = start(chain(1)), start(chain(2)), start(chain(1, pipeline_id="other"))
    done.drain()
    failed.fail("n0")

    assert run_ids(pipeline_id="other") == [waiting.run_id]
    assert run_ids(states=frozenset({RunState.SUCCESS})) == [done.run_id]
    assert set(run_ids(states=frozenset({RunState.SUCCESS, RunState.FAILED}))) == {done.run_id, failed.run_id}
    assert run_ids(pipeline_id="p", states=frozenset({RunState.PENDING})) == []
    assert run_ids(pipeline_id="nope") == []


def test_a_list_of_runs_has_their_counts(start, store):
    first, second = start(chain(3)), start(chain(1))
    first.drain()

    counts = {run.run_id: run.counts for run in store.runs(RunFilter())}

    assert counts[first.run_id][NodeState.SUCCESS] == 3
    assert counts[second.run_id][NodeState.QUEUED] == 1


def test_nodes_come_by_position_and_item_up_to_the_limit(start, store):
    run = start(mapping())
    run.list("list", 2)

    nodes = [(node.name, node.item) for node in run.nodes()]
    assert nodes == [("list", None), ("each", None), ("each", 0), ("each", 1), ("end", None)]
    assert [(node.name, node.item) for node in store.nodes(run.run_id, limit=3)] == nodes[:3]


def test_nodes_come_without_their_items_where_those_are_not_wanted(start, store):
    run = start(mapping())
    run.list("list", 5)

    nodes = store.nodes(run.run_id, limit=9, items=False)

    assert [(node.name, node.item) for node in nodes] == [("list", None), ("each", None), ("end", None)]


def test_one_node_or_item_is_found_by_its_place(start, store):
    run = start(mapping())
    run.list("list", 2)
    run.fail("each", 1, delay=9)

    node, item = store.node(run.run_id, 1), store.node(run.run_id, 1, 1)

    assert (node.name, node.item, node.state) == ("each", None, NodeState.RUNNING)
    assert (item.name, item.item, item.state) == ("each", 1, NodeState.RETRYING)
    assert store.node(run.run_id, 1, 2) is None
    assert store.node("nope", 0) is None


def test_runs_are_found_by_the_beginning_of_their_id(start, store):
    run, _ = start(chain(1)), start(chain(1))

    found = store.runs(RunFilter(prefix=run.run_id[:13]))

    assert [one.run_id for one in found] == [run.run_id]
    assert store.runs(RunFilter(prefix="%")) == []


def test_nodes_are_found_by_state(start, store):
    run = start(chain(3))
    run.succeed("n0")

    found = store.nodes(run.run_id, limit=9, states=frozenset({NodeState.QUEUED, NodeState.PENDING}))

    assert [node.name for node in found] == ["n1", "n2"]


def test_a_node_has_the_queue_of_its_step(start):
    run = start(plan_of({"a": []}, a={"queue": "slow"}))

    assert run.node("a").queue == "slow"


def test_what_an_unknown_run_has_is_nothing(store):
    assert store.nodes("nope", limit=9) == []
    assert store.attempts("nope") == []
    assert store.result("nope", 0) is None
    assert store.element_count("nope", 0) is None
    assert store.logs("nope", 0) == []


def test_a_node_that_has_not_ended_has_no_result(start, store):
    run = start(chain(1))

    assert store.result(run.run_id, 0) is None


def test_the_history_is_oldest_first(start, store, age):
    run = start(plan_of({"a": [], "b": []}))
    run.fail("b", delay=9)
    age(1)
    run.fail("a", delay=9)

    assert [one.ref.position for one in store.attempts(run.run_id)] == [1, 0]


# — several applications in one database —


def test_the_runs_of_another_application_are_not_seen(start, store, other_app):
    run = start(chain(1))

    assert other_app.runs(RunFilter()) == []
    for question in (other_app.run, other_app.run_state, other_app.context):
        with pytest.raises(UnknownRun):
            question(run.run_id)
    assert store.run(run.run_id).app == "default"


def test_each_application_has_its_own_idempotency_keys(store, other_app):
    made = [
        opened.create_run(chain(1), NewRun(name, {}, "cli", "b", idempotency_key="k", body_hash=name))
        for opened, name in ((store, "one"), (other_app, "two"))
    ]

    assert [created.existing for created in made] == [False, False]
