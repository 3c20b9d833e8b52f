"""The version of a run is another one whenever what is shown of the run is."""

from __future__ import annotations

import uuid
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plans import chain, fan, layers, mapping, plan_of
from pypeline.errors import UnknownRun
from pypeline.runs.states import Flag, NodeState
from pypeline.store.records import NODE, Progress, ProgressReport, RunFilter, WorkerBeat
from pypeline.store.sql_store import SqlStore
from random_lives import watch

BROKER = "memory://here"
PLANS = (
    chain(2),
    fan(3),
    layers(2, 2, max_concurrency=2),
    mapping(window=2),
    mapping(window=2, max_concurrency=2),
    plan_of({"a": ["b", "c"], "b": ["d"], "c": ["d"]}, d={"rule": "all_done"}),
)


@pytest.fixture
def version(store):
    """The version of a run that is driven."""
    return lambda run: store.run_version(run.run_id).text


def report(run, name, done, *, item=NODE, attempt=1, total=None):
    return ProgressReport(run.ref(name, item, attempt), Progress(done, total))


# — one thing at a time —


def test_an_unknown_run_has_no_version(store, start):
    run = start(chain(1))
    url = store._engine.url.render_as_string(hide_password=False)

    with pytest.raises(UnknownRun):
        store.run_version("nope")
    with SqlStore(url, app="other") as other, pytest.raises(UnknownRun):
        other.run_version(run.run_id)


def test_a_run_has_one_version_while_nothing_happens(start, store, version):
    run, other = start(fan(3)), start(fan(3))
    claim = run.claim("first")
    before = version(run)

    store.beat(WorkerBeat("w", BROKER, ("q",)), [claim.ref], lease=99)
    store.begin_sweep(BROKER, interval=1, lease=30)
    other.drain()

    assert version(run) == before


def test_two_processes_see_one_version(start, store, version):
    run = start(mapping())
    run.list("list", 3)
    store.progress.note([report(run, "each", 0.1, item=0)])

    with SqlStore(store._engine.url.render_as_string(hide_password=False)) as other:
        assert other.run_version(run.run_id).text == version(run)


def test_each_step_of_a_life_is_another_version(start, store, version):
    run = start(mapping(window=1))
    seen = [version(run)]
    for step in (
        lambda: run.list("list", 2),
        lambda: run.claim("each", 0),
        lambda: store.progress.note([report(run, "each", 1.0, item=0)]),
        lambda: store.progress.note([report(run, "each", 1.0, item=0, total=2.0)]),
        lambda: store.cancel(run.plan, run.run_id, Flag.CANCEL),
    ):
        step()
        seen.append(version(run))

    assert len(set(seen)) == len(seen)


def test_a_page_of_runs_has_another_version_with_each_step_that_it_shows(start, store):
    wanted = RunFilter(limit=2)
    seen = [store.runs_version(wanted)]

    def look():
        seen.append(store.runs_version(wanted))

    start(fan(2))
    look()
    run = start(chain(2))
    look()
    run.succeed("n0")
    look()
    run.drain()
    look()
    start(chain(1))
    look()

    assert len(set(seen)) == len(seen)


def test_a_page_of_runs_has_one_version_while_nothing_happens_on_it(start, store):
    older = start(fan(3))
    newer = start(chain(2))
    newer.claim("n0")
    wanted = RunFilter(limit=1)
    before = store.runs_version(wanted)

    older.drain()

    assert store.runs_version(wanted) == before
    assert store.runs_version(RunFilter(limit=2)) != before


def test_a_run_that_ends_twice_alike_has_two_versions(start, store, version):
    run = start(chain(1))
    run.fail("n0")
    first = version(run)
    run.queued(store.reset(run.plan, run.run_id, from_position=None, broker=BROKER))
    opened = version(run)
    run.fail("n0")

    assert len({first, opened, version(run)}) == 3


def test_what_an_attempt_says_after_its_run_has_ended_is_another_version(start, store, version):
    run = start(chain(1))
    run.drain()
    before = version(run)

    store.progress.note([report(run, "n0", 7.0)])

    assert run.node("n0").progress == Progress(7.0)
    assert version(run) != before


def test_two_nodes_that_change_places_are_another_version(start, store, version):
    run = start(fan(2))
    run.succeed("first")
    seen = []
    for done in ((5.0, 7.0), (7.0, 5.0), (6.0, 6.0)):
        store.progress.note([report(run, "m0", done[0]), report(run, "m1", done[1])])
        seen.append(version(run))

    assert len(set(seen)) == 3


@pytest.mark.parametrize("column", ["attempt", "tries", "waiting", "state", "worker", "items", "due_at"])
def test_two_nodes_that_change_a_value_are_another_version(start, store, version, column):
    run = start(fan(2))
    known = {"state": ("queued", "retrying"), "worker": ("a", "b"), "due_at": (None, "2026-01-01 00:00Z")}
    one, other = known.get(column, (3, 4))
    change = f"UPDATE pypeline_node SET {column} = :value WHERE run_id = :run AND position = :position"
    seen = []
    for values in ((one, other), (other, one)):
        rows = [
            {"run": run.run_id, "position": position, "value": value}
            for position, value in enumerate(values, start=1)
        ]
        store._connections.transact(lambda tx, rows=rows: tx.many(change, rows))
        seen.append(version(run))

    assert seen[0] != seen[1]


def test_a_run_whose_process_is_followed_by_another_is_another_version(start, store, version):
    run = start(chain(1))
    before = version(run)

    store.take_over(run.plan, run.run_id, owner=BROKER, broker="memory://there")

    assert version(run) != before


def test_a_version_says_whether_something_is_queued_and_where(start, store):
    run = start(chain(1))
    queued = store.run_version(run.run_id)
    run.claim("n0")

    assert (queued.has_queued, queued.app, queued.broker) == (True, "default", BROKER)
    assert store.run_version(run.run_id).has_queued is False


def test_the_nodes_of_a_run_that_has_ended_are_not_read(start, store, version):
    run = start(chain(2))
    run.drain()
    before = version(run)

    store._connections.transact(
        lambda tx: tx.run("UPDATE pypeline_node SET tries = 9 WHERE run_id = :run", run=run.run_id)
    )

    assert version(run) == before


# — anything, in any order —


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(plan=st.sampled_from(PLANS), seed=st.integers(0, 2**32))
def test_no_two_states_of_a_run_have_one_version(sqlite, drive, shift, plan, seed):
    watch(drive(sqlite, plan, broker=str(uuid.uuid4())), partial(shift, sqlite), seed, steps=40)


@pytest.mark.parametrize("plan", PLANS)
def test_no_two_states_of_a_long_life_have_one_version(start, age, plan):
    watch(start(plan), age, plan.definition_id, steps=150)


def test_random_lives_come_everywhere(sqlite, drive, shift):
    seen = set()
    for seed, plan in enumerate(PLANS * 4):
        documents = watch(drive(sqlite, plan, broker=f"b{seed}"), partial(shift, sqlite), seed, steps=60)
        seen |= {state for state in NodeState if any(repr(state) in text for text in documents)}

    assert seen == set(NodeState)
