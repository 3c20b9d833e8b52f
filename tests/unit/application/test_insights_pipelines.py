"""Pipelines with their last runs, their nodes in these, queues, workers, and one node."""

from __future__ import annotations

import json

import pytest

from insight_shop import CONFIG, Shop, failing
from pypeline.errors import UnknownNode, UnknownPipeline, UnknownRun
from pypeline.store.sql_store import SqlStore
from timetable import add, sql


@pytest.fixture
def store(tmp_path):
    with SqlStore(f"sqlite:///{tmp_path / 'runs.db'}") as store:
        yield store


@pytest.fixture
def shop(tmp_path, store):
    return Shop(tmp_path, store)


def test_configured_pipelines_are_listed_without_a_run(shop):
    found = shop.insights.pipelines()

    assert [(one["pipeline_id"], one["configured"], one["runs"]) for one in found["pipelines"]] == [
        ("each", True, []),
        ("load", True, []),
    ]
    assert found["pipelines"][1]["description"] == "Loads what came in."
    assert found["next"] is None
    assert json.loads(json.dumps(found)) == found


def test_a_strip_has_the_last_runs_with_their_share_and_usual_time(shop):
    first = shop.run("load")
    second = shop.run("load", failing("clean"))
    third = shop.queue("load")

    strip = shop.insights.pipelines()["pipelines"][1]

    assert [run["execution_id"] for run in strip["runs"]] == [third, second, first]
    assert strip["counts"] == {"pending": 1, "running": 0, "success": 1, "failed": 1, "cancelled": 0}
    assert strip["success_share"] == 0.5
    assert strip["usual_seconds"] == strip["runs"][2]["seconds"]
    assert strip["runs"][1]["error"] == "clean: ValueError: no luck"


def test_pipelines_come_a_page_at_a_time(shop):
    shop.run("load")
    first = shop.insights.pipelines(limit=1)
    second = shop.insights.pipelines(limit=1, after=first["next"])

    assert [one["pipeline_id"] for one in first["pipelines"]] == ["each"]
    assert [one["pipeline_id"] for one in second["pipelines"]] == ["load"]
    assert second["next"] is None


def test_a_pipeline_is_told_when_its_schedules_are_due_next(shop, store):
    add(store, "nightly")
    sql(store, "UPDATE pypeline_schedule SET target = 'load'")

    each, load = shop.insights.pipelines()["pipelines"]

    assert each["next_at"] is None
    assert load["next_at"] is not None


def test_a_grid_has_a_cell_for_each_node_and_run(shop):
    shop.run("load")
    shop.run("load", failing("extract"))

    found = shop.insights.pipeline("load")

    extract, clean = found["nodes"]
    assert [extract["node"], clean["node"]] == ["extract", "clean"]
    assert [cell["state"] for cell in extract["cells"]] == ["failed", "success"]
    assert [cell["state"] for cell in clean["cells"]] == ["skipped", "success"]
    assert (extract["failed"], clean["failed"]) == (1, 0)
    assert extract["usual_seconds"] == extract["cells"][1]["seconds"]
    assert not found["nodes_truncated"]
    assert json.loads(json.dumps(found)) == found


def test_a_grid_shows_where_the_definition_changed(tmp_path, shop, store):
    shop.run("load")
    other = CONFIG.replace("extract: [clean]", "extract: [tidy]").replace("clean: {", "tidy: {")
    changed = Shop(tmp_path, store, config=other)
    changed.run("load")

    found = changed.insights.pipeline("load")

    assert [run["definition_changed"] for run in found["runs"]] == [True, False]
    cells = {row["node"]: row["cells"] for row in found["nodes"]}
    assert list(cells) == ["extract", "tidy", "clean"]
    assert cells["tidy"][1] is None
    assert cells["clean"][0] is None


def test_a_grid_is_of_no_more_runs_than_asked_for(shop):
    for _ in range(3):
        shop.run("load")

    found = shop.insights.pipeline("load", runs=2)

    assert len(found["runs"]) == 2
    assert [len(row["cells"]) for row in found["nodes"]] == [2, 2]


def test_a_grid_says_where_it_leaves_nodes_out(shop, monkeypatch):
    monkeypatch.setattr("pypeline.application.insights.grid.MOST_NODES", 1)
    shop.run("load")

    found = shop.insights.pipeline("load")

    assert [row["node"] for row in found["nodes"]] == ["extract"]
    assert found["nodes_truncated"]


def test_a_pipeline_that_nobody_knows_is_unknown(shop):
    with pytest.raises(UnknownPipeline):
        shop.insights.pipeline("nope")


def test_a_queue_has_the_slots_of_the_live_workers_that_read_it(shop):
    shop.queue("load")
    shop.beat("w1", "q", concurrency=4)
    shop.beat("w2", "q", "slow", concurrency=2)

    queues = {queue["name"]: queue for queue in shop.insights.queues()["queues"]}

    assert (queues["q"]["waiting"], queues["q"]["slots"], queues["q"]["workers"]) == (1, 6, ["w1", "w2"])
    assert (queues["slow"]["waiting"], queues["slow"]["oldest_seconds"], queues["slow"]["slots"]) == (
        0,
        None,
        2,
    )


def test_workers_are_told_with_what_they_do_now(shop):
    shop.application.invoke("load", trigger="cli")
    shop.engine.claim(shop.sent.pop().ref)
    shop.beat("shop", "q", concurrency=4, service="cleaners", pool="threads")
    shop.beat("idle", "slow")

    found = {worker["worker"]: worker for worker in shop.insights.workers()["workers"]}

    assert (found["shop"]["busy"], found["idle"]["busy"]) == (1, 0)
    assert (found["shop"]["service"], found["shop"]["pool"], found["shop"]["alive"]) == (
        "cleaners",
        "threads",
        True,
    )


def test_a_node_is_told_with_its_attempts_and_logs(shop):
    run_id = shop.run("load", failing("clean"))

    found = shop.insights.node(run_id, "clean")

    assert (found["execution_id"], found["pipeline_id"], found["node"]) == (run_id, "load", "clean")
    assert (found["state"], found["handler"], found["max_ttl"]) == ("failed", "demo.tasks.clean", 60)
    assert found["predecessors"] == ["extract"]
    assert [(one["attempt"], one["outcome"], one["error"]["message"]) for one in found["attempts"]] == [
        (1, "failed", "no luck")
    ]
    assert found["logs"] == [{"attempt": 1, "text": "said so"}]
    assert found["items"] is None
    assert json.loads(json.dumps(found)) == found


def test_a_mapped_node_counts_its_items_by_state(shop):
    run_id = shop.run("each", failing("map", items=(1,)))

    found = shop.insights.node(run_id, "map")

    assert (found["items"]["success"], found["items"]["failed"]) == (2, 1)
    assert (found["for_each"], found["result"]) == ("list", [1, None, 1])
    assert shop.insights.node(run_id, "map", 1)["attempts"][0]["error"]["message"] == "no luck"


def test_a_node_or_item_that_is_not_there_is_unknown(shop):
    run_id = shop.run("each")

    with pytest.raises(UnknownNode):
        shop.insights.node(run_id, "nope")
    with pytest.raises(UnknownNode):
        shop.insights.node(run_id, "map", 9)
    with pytest.raises(UnknownRun):
        shop.insights.node("nope", "map")


def test_what_happened_in_a_run_names_nodes_and_items(shop):
    run_id = shop.run("each", failing("map", items=(0, 2)))

    found, _ = shop.insights.happened(run_id)

    assert [(one["node"], one["index"], one["outcome"]) for one in found] == [
        ("map", 2, "failed"),
        ("map", 0, "failed"),
    ]
    with pytest.raises(UnknownRun):
        shop.insights.happened("nope")
