"""What a meter reads."""

from __future__ import annotations

import re

import pytest

from insight_shop import Shop, failing, succeed
from pypeline.application.insights.metric import OTHER, labelled
from pypeline.runs.outcome import ErrorInfo, Failed
from pypeline.store.sql_store import SqlStore
from timetable import add, fire


@pytest.fixture
def shop(tmp_path):
    with SqlStore(f"sqlite:///{tmp_path / 'runs.db'}") as store:
        yield Shop(tmp_path, store)


def values(shop, name):
    """The samples of a metric by the values of their labels."""
    [metric] = [metric for metric in shop.insights.metrics() if metric.name == name]
    return {tuple(sample.labels.values()): sample.value for sample in metric.samples}


def test_every_metric_has_a_name_of_its_own_and_says_what_it_counts(shop):
    metrics = shop.insights.metrics()

    assert len({metric.name for metric in metrics}) == len(metrics)
    for metric in metrics:
        assert re.fullmatch(r"pypeline_[a-z_]+", metric.name)
        assert metric.type == "gauge"
        assert "now" in metric.help or "last hour" in metric.help
        assert metric.help.endswith(".")


def test_runs_are_counted_by_pipeline_and_state(shop):
    shop.run("load")
    shop.run("load", failing("clean"))
    shop.queue("each")

    assert values(shop, "pypeline_runs") == {("each", "pending"): 1}
    assert values(shop, "pypeline_recent_runs_ended") == {("load", "success"): 1, ("load", "failed"): 1}


def test_nodes_are_counted_in_every_state(shop):
    shop.run("load", failing("extract"))
    shop.queue("load")

    found = values(shop, "pypeline_nodes")

    assert found["failed",] == 1
    assert found["skipped",] == 1
    assert found["queued",] == 1
    assert found["pending",] == 1
    assert found["running",] == 0
    assert len(found) == 8


def test_seconds_of_nodes_come_with_how_many_they_are_of(shop):
    shop.run("load")
    shop.run("load")

    assert values(shop, "pypeline_recent_nodes_timed") == {("load", "clean"): 2, ("load", "extract"): 2}
    assert set(values(shop, "pypeline_recent_node_seconds")) == {("load", "clean"), ("load", "extract")}


def test_waits_in_queues_come_with_how_many_claims_they_are_of(shop):
    shop.run("load")
    shop.queue("load")

    assert values(shop, "pypeline_recent_claims") == {("q",): 1, ("slow",): 1}
    assert values(shop, "pypeline_queue_depth") == {("q",): 1}
    assert values(shop, "pypeline_queue_oldest_wait_seconds")["q",] >= 0


def test_retries_and_lost_attempts_are_counted(shop):
    def lose(work):
        if work.step.name == "extract" and work.claim.ref.attempt == 1:
            return Failed(ErrorInfo("WorkerLost", "gone"))
        return succeed(work)

    shop.run("load", lose)
    shop.run("load", failing("clean"))

    assert values(shop, "pypeline_recent_failed_attempts") == {("load", "lost"): 1, ("load", "failed"): 1}
    assert values(shop, "pypeline_recent_retries") == {("load",): 1}


def test_workers_are_counted_with_their_slots(shop):
    shop.beat("w1", "q", concurrency=4)
    shop.beat("w2", "q", concurrency=2)
    shop.application.invoke("load", trigger="cli")
    shop.engine.claim(shop.sent.pop().ref)

    assert values(shop, "pypeline_workers_alive") == {(): 2}
    assert values(shop, "pypeline_worker_slots") == {(): 6}
    assert values(shop, "pypeline_attempts_running") == {(): 1}


def test_the_lateness_of_schedules_is_measured(shop):
    add(shop.store, "a", due_in=-70)
    assert values(shop, "pypeline_schedules_overdue") == {(): 1}

    fire(shop.store)
    fire(shop.store)

    assert values(shop, "pypeline_recent_schedule_starts")[()] == 2
    assert values(shop, "pypeline_schedule_lateness_max_seconds")[()] == pytest.approx(70, abs=5)
    assert values(shop, "pypeline_schedule_lateness_mean_seconds")[()] == pytest.approx(40, abs=5)
    assert values(shop, "pypeline_schedules_overdue") == {(): 0}


def test_schedulers_are_counted_while_they_give_signs(shop):
    shop.store.schedules.beat("beat-1", "1.0")

    assert values(shop, "pypeline_schedulers_alive") == {(): 1}


def test_too_many_labels_are_summed_up_and_none_is_lost():
    counts = {("p", f"n{number:02}"): 1.0 for number in range(10)}

    metric = labelled("m", "Numbers, now.", ("pipeline", "node"), counts, most=4)

    assert [tuple(sample.labels.values()) for sample in metric.samples] == [
        (OTHER, OTHER),
        ("p", "n00"),
        ("p", "n01"),
        ("p", "n02"),
    ]
    assert [sample.value for sample in metric.samples] == [7, 1, 1, 1]


def test_just_as_many_labels_as_there_is_room_for_are_all_told():
    counts = {("a",): 1.0, ("b",): 2.0}

    metric = labelled("m", "Numbers, now.", ("queue",), counts, most=2)

    assert [dict(sample.labels) for sample in metric.samples] == [{"queue": "a"}, {"queue": "b"}]
