"""The first page: figures, activity, and what needs somebody."""

from __future__ import annotations

import json

import pytest

from insight_shop import CONFIG, Shop, failing
from pypeline.store.sql_store import SqlStore
from timetable import add, sql

MEMORY = "memory://host/1/1.00/abc"


@pytest.fixture
def store(tmp_path):
    with SqlStore(f"sqlite:///{tmp_path / 'runs.db'}") as store:
        yield store


@pytest.fixture
def shop(tmp_path, store):
    return Shop(tmp_path, store)


def attention(shop, part=None):
    found = shop.insights.overview()["attention"]
    return [entry for entry in found if part in (None, entry["part"])]


def test_an_overview_of_nothing_has_every_figure(shop):
    found = shop.insights.overview()

    assert found["figures"]["day"] == {
        "ended": 0, "success": 0, "failed": 0, "cancelled": 0, "success_share": None
    }  # fmt: skip
    assert found["figures"]["waiting"] == {"nodes": 0, "oldest_seconds": None, "queue": None}
    assert found["figures"]["workers"] == {"alive": 0, "known": 0}
    assert found["attention"] == []
    assert json.loads(json.dumps(found)) == found


def test_figures_and_activity_agree(shop):
    shop.run("load")
    shop.run("load")
    shop.run("load", failing("clean"))

    found = shop.insights.overview()

    day = found["figures"]["day"]
    assert (day["ended"], day["success"], day["failed"]) == (3, 2, 1)
    assert day["success_share"] == pytest.approx(2 / 3, abs=1e-5)
    assert found["figures"]["week"] == day
    for state in ("success", "failed", "cancelled"):
        assert sum(slot[state] for slot in found["activity"]) == day[state]


def test_a_cancelled_run_is_no_fault(shop):
    shop.run("load")
    shop.application.cancel(shop.queue("load"))

    day = shop.insights.overview()["figures"]["day"]

    assert (day["cancelled"], day["success_share"]) == (1, 1.0)


def test_what_runs_and_what_waits_is_counted(shop):
    shop.queue("load")
    shop.application.invoke("load", trigger="cli")
    shop.engine.claim(shop.sent.pop().ref)

    figures = shop.insights.overview()["figures"]

    assert figures["running"] == {"runs": 1, "pending_runs": 1, "attempts": 1}
    assert (figures["waiting"]["nodes"], figures["waiting"]["queue"]) == (1, "q")
    assert figures["waiting"]["oldest_seconds"] >= 0


def test_a_queue_that_nobody_reads_needs_a_worker(shop):
    shop.queue("load")

    [entry] = attention(shop)

    assert (entry["part"], entry["about"], entry["level"]) == ("queue", "q", "problem")
    assert entry["message"].startswith("no worker listens; 1 queued")
    assert entry["remedy"] == "start one: `pypeline worker --name cleaners`"


def test_a_queue_that_is_read_needs_nobody(shop):
    shop.queue("load")
    shop.beat("w1", "q")

    assert attention(shop) == []


def test_a_worker_of_another_application_does_not_count(shop, store):
    shop.queue("load")
    with SqlStore(store._engine.url.render_as_string(), app="other") as other:
        said = Shop(shop.application._settings.folder, other)
        said.beat("stranger", "q")

    assert [entry["about"] for entry in attention(shop)] == ["q"]
    assert shop.insights.overview()["figures"]["workers"]["known"] == 0


def test_an_embedded_process_is_not_told_to_start_workers(tmp_path, store):
    shop = Shop(tmp_path, store, broker=MEMORY)
    shop.queue("load")

    assert attention(shop) == []


def test_a_pipeline_whose_last_runs_failed_is_told_with_the_first_error(shop):
    shop.run("load")
    shop.run("load", failing("clean"))
    last = shop.run("load", failing("extract"))
    shop.queue("load")

    [entry] = attention(shop, "pipeline")

    assert (entry["about"], entry["execution_id"], entry["failed_runs"]) == ("load", last, 2)
    assert entry["message"] == "its last 2 runs failed: extract: ValueError: no luck"
    assert entry["at"] is not None


def test_a_pipeline_that_succeeds_again_needs_nobody(shop):
    shop.run("load", failing("clean"))
    shop.run("load")

    assert attention(shop) == []


def test_a_pipeline_that_is_no_longer_configured_is_forgotten_in_a_week(tmp_path, store):
    Shop(tmp_path, store).run("load", failing("clean"))
    shop = Shop(tmp_path, store, config=CONFIG.replace("  load:", "  other:"))
    assert [entry["about"] for entry in attention(shop)] == ["load"]

    sql(store, "UPDATE pypeline_run SET finished_at = shift(finished_at, :by)", by=-8 * 86_400.0)

    assert attention(shop) == []
    assert [entry["about"] for entry in attention(Shop(tmp_path, store))] == ["load"]


def test_the_newest_failure_is_told_first(shop):
    shop.run("load", failing("clean"))
    shop.run("each", failing("map"))

    assert [entry["about"] for entry in attention(shop)] == ["each", "load"]


def test_schedules_without_a_scheduler_need_one(shop, store):
    add(store, "nightly")

    [entry] = attention(shop)

    assert entry["part"] == "scheduler"
    assert entry["message"].startswith("1 schedule is on, but no scheduler was seen")
    assert entry["remedy"] == "start one: `pypeline beat`"


def test_a_schedule_that_was_switched_off_needs_mending(shop, store):
    add(store, "nightly")
    store.schedules.switch_off("nightly", "there is no such task")

    [entry] = attention(shop)

    assert (entry["part"], entry["about"]) == ("schedule", "nightly")
    assert "there is no such task" in entry["message"]
    assert "`pypeline schedules enable nightly`" in entry["remedy"]


def test_a_due_time_that_a_live_scheduler_lets_pass_is_told(shop, store):
    store.schedules.beat("beat-1", "1.0")
    add(store, "nightly", due_in=-90)

    found = shop.insights.overview()

    assert found["figures"]["schedulers"]["overdue"] == 1
    assert found["figures"]["schedulers"]["late_seconds"] == pytest.approx(90, abs=5)
    assert [entry["message"] for entry in found["attention"]] == [
        "due for more than 60 s, and not started: nightly"
    ]


def test_a_scheduler_on_time_is_told_with_what_it_does_next(shop, store):
    store.schedules.beat("beat-1", "1.0")
    add(store, "nightly", due_in=90)

    schedulers = shop.insights.overview()["figures"]["schedulers"]

    assert (schedulers["alive"], schedulers["schedules"], schedulers["next_schedule"]) == (1, 1, "nightly")
    assert (schedulers["late_seconds"], schedulers["overdue"]) == (0, 0)
    assert schedulers["silent_seconds"] < 5
