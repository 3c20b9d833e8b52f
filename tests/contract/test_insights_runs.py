"""What a store tells of all its runs: how they ended, which go on, and the last ones of each pipeline."""

from __future__ import annotations

import pytest

from plans import chain, fan, mapping, plan_of
from pypeline.runs.outcome import Succeeded
from pypeline.runs.states import Flag, NodeState, RunState
from pypeline.store.records import WorkerBeat
from pypeline.store.sql_store import SqlStore

BROKER = "memory://here"
HOUR = 3_600
DAY = 24 * HOUR


@pytest.fixture
def other_app(store):
    """The same database as another application sees it."""
    with SqlStore(store._engine.url.render_as_string(hide_password=False), app="other") as opened:
        yield opened


@pytest.fixture
def end(start):
    """Starts a run of one node that ends in a state."""

    def end(state, **options):
        run = start(chain(1, **options))
        match state:
            case RunState.SUCCESS:
                run.drain()
            case RunState.FAILED:
                run.fail("n0")
            case RunState.CANCELLED:
                run.store.cancel(run.plan, run.run_id, Flag.CANCEL)
        return run

    return end


def test_ends_are_counted_by_day_and_week(store, end, age):
    end(RunState.SUCCESS)
    age(3 * DAY)
    end(RunState.FAILED)
    age(30 * HOUR)
    end(RunState.SUCCESS)
    end(RunState.CANCELLED)

    found = store.insights.endings()

    assert found.day == {RunState.SUCCESS: 1, RunState.CANCELLED: 1}
    assert found.day_before == {RunState.FAILED: 1}
    assert found.week == {RunState.SUCCESS: 2, RunState.FAILED: 1, RunState.CANCELLED: 1}
    assert not found.truncated


def test_what_ended_more_than_a_week_ago_is_not_counted(store, end, age):
    end(RunState.FAILED)
    age(7 * DAY + HOUR)

    assert store.insights.endings().week == {}


def test_the_half_hours_of_the_last_day_follow_each_other_and_sum_up_to_it(store, end, age):
    end(RunState.SUCCESS)
    age(5 * HOUR)
    end(RunState.SUCCESS)
    end(RunState.FAILED)

    found = store.insights.endings()

    assert (found.slots[-1].until - found.slots[0].since).total_seconds() == DAY
    assert [slot.until for slot in found.slots[:-1]] == [slot.since for slot in found.slots[1:]]
    assert [slot.since.minute % 30 for slot in found.slots[1:]] == [0] * (len(found.slots) - 1)
    assert [slot.counts for slot in found.slots if slot.counts] == [
        {RunState.SUCCESS: 1},
        {RunState.SUCCESS: 1, RunState.FAILED: 1},
    ]


def test_only_so_many_runs_are_looked_at_and_that_is_told(store, end, monkeypatch):
    for _ in range(3):
        end(RunState.SUCCESS)
    monkeypatch.setattr("pypeline.store.insights.activity.MOST_RUNS", 2)

    found = store.insights.endings()

    assert found.day == {RunState.SUCCESS: 2}
    assert found.truncated


def test_open_runs_are_counted_by_pipeline_and_state(store, start, end):
    start(chain(1, pipeline_id="a"))
    start(chain(1, pipeline_id="a")).claim("n0")
    start(chain(1, pipeline_id="b"))
    end(RunState.SUCCESS)

    assert store.insights.open_runs() == {
        ("a", RunState.PENDING): 1,
        ("a", RunState.RUNNING): 1,
        ("b", RunState.PENDING): 1,
    }


def test_ends_of_the_last_while_are_counted_by_pipeline(store, end, age):
    end(RunState.FAILED, pipeline_id="a")
    age(2 * HOUR)
    end(RunState.SUCCESS, pipeline_id="a")
    end(RunState.SUCCESS, pipeline_id="b")

    assert store.insights.ended_within(HOUR) == {("a", RunState.SUCCESS): 1, ("b", RunState.SUCCESS): 1}


def test_workers_are_busy_with_the_attempts_that_they_run(store, start):
    run = start(fan(3))
    run.succeed("first")
    run.claim("m0")
    run.claim("m1")
    run.succeed("m2")

    assert store.insights.busy() == {"w": 2}


def test_a_node_that_is_mapped_keeps_no_worker_busy(store, start):
    run = start(mapping())
    run.list("list", 3)
    run.claim("each", 0)

    assert store.insights.busy() == {"w": 1}


def test_pipelines_are_told_by_id_a_page_at_a_time(store, start):
    for pipeline_id in ("b", "a", "c", "a", "b"):
        start(chain(1, pipeline_id=pipeline_id))

    assert store.insights.pipeline_ids(limit=2) == ["a", "b"]
    assert store.insights.pipeline_ids(limit=2, after="b") == ["c"]


def test_the_last_runs_of_each_pipeline_come_newest_first(store, start, end):
    _, second, third = (end(RunState.SUCCESS, pipeline_id="a") for _ in range(3))
    failed = end(RunState.FAILED, pipeline_id="b")

    found = store.insights.last_runs(["a", "b", "none"], limit=2)

    assert [run.run_id for run in found["a"]] == [third.run_id, second.run_id]
    assert [(run.run_id, run.state, run.error) for run in found["b"]] == [
        (failed.run_id, RunState.FAILED, "n0: ValueError: no luck")
    ]
    assert found["none"] == []


def test_a_pipeline_is_failing_until_a_run_of_it_succeeds(store, start, end):
    for pipeline_id in ("a", "b", "c"):
        end(RunState.FAILED, pipeline_id=pipeline_id)
    end(RunState.SUCCESS, pipeline_id="b")
    end(RunState.CANCELLED, pipeline_id="c")
    start(chain(1, pipeline_id="c"))

    assert store.insights.failing(limit=9) == ["a", "c"]
    assert store.insights.failing(limit=1) == ["a"]


def test_a_run_took_from_its_start_to_its_end(store, start, age):
    run = start(chain(2))
    run.succeed("n0")
    age(50)
    run.succeed("n1")
    going = start(chain(1))

    newest, ended = store.insights.last_runs(["p"], limit=2)["p"]

    assert (newest.run_id, newest.seconds) == (going.run_id, None)
    assert ended.seconds == pytest.approx(50, abs=5)


def test_a_grid_has_each_node_of_each_run_but_not_the_items(store, start):
    run = start(mapping())
    run.list("list", 3)
    run.fail("each", 0)
    retried = start(chain(1, n0={}))
    retried.fail("n0", delay=0)
    store.queue_due(BROKER, limit=10)
    store.requeue_unclaimed(BROKER, margin=5, grace=30, limit=10)

    found = store.insights.grid([run.run_id, retried.run_id], limit=10)

    assert [(cell.run_id, cell.name, cell.state) for cell in found] == [
        (run.run_id, "list", NodeState.SUCCESS),
        (run.run_id, "each", NodeState.RUNNING),
        (run.run_id, "end", NodeState.PENDING),
        (retried.run_id, "n0", NodeState.QUEUED),
    ]
    assert [(cell.items, cell.failed_items) for cell in found[:2]] == [(None, 0), (3, 1)]
    assert (found[3].attempt, found[3].tries) == (2, 1)


def test_a_grid_has_the_first_nodes_of_a_run_and_their_times(store, start, age):
    run = start(chain(3))
    claim = run.claim("n0")
    age(20)
    run.record(claim, Succeeded("1"))

    found = store.insights.grid([run.run_id], limit=2)

    assert [cell.name for cell in found] == ["n0", "n1"]
    assert found[0].seconds == pytest.approx(20, abs=5)
    assert found[1].seconds is None


def test_other_applications_are_not_seen(store, start, end, other_app):
    end(RunState.SUCCESS)
    start(plan_of({"a": []})).claim("a")
    store.beat(WorkerBeat("w", BROKER, ("q",)), [], lease=30)
    insights = other_app.insights

    assert insights.app == "other"
    assert insights.endings().week == {}
    assert insights.open_runs() == {}
    assert insights.busy() == {}
    assert insights.pipeline_ids(limit=9) == []
    assert insights.last_runs(["p"], limit=9) == {"p": []}
    assert insights.ended_within(HOUR) == {}
