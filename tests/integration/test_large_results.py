"""Results of a megabyte, end to end: embedded, and by a worker on RabbitMQ and PostgreSQL."""

from __future__ import annotations

import json
import shutil
import sqlite3

import pytest

from cli_stage import RABBITMQ, Stage, require_broker
from services import postgres_database, postgres_server

HANDLERS = """
def extract(event):
    return {"rows": ["x" * 1000] * 1000}

def split(event, extract):
    return [extract["rows"], "small", extract["rows"][:500]]

def size(event):
    item = event["item"]
    return item if isinstance(item, list) else len(item)

def total(event, size):
    return [len(part) if isinstance(part, list) else part for part in size]

def report(event, total):
    return {"total": total, "again": event.upstream["total"], "all": "y" * 1_000_000}
"""
CONFIGURATION = """
serviceConfig:
  - name: demo-worker
    registeredTasks:
      - handler: large_demo.extract
      - handler: large_demo.split
      - handler: large_demo.size
      - handler: large_demo.total
      - handler: large_demo.report
pipelines:
  large:
    name: large
    schemaVersion: 1
    config:
      metadata: {{queue: {queue}, maxRetry: 0}}
      dagAdjacency: {{extract: [split], split: [size], size: [total], total: [report]}}
      taskDefinitions:
        extract: {{handler: large_demo.extract}}
        split: {{handler: large_demo.split}}
        size: {{handler: large_demo.size, forEach: split}}
        total: {{handler: large_demo.total}}
        report: {{handler: large_demo.report}}
"""
THEN = "2020-01-01T00:00:00.000000Z"
NO_BROKER = {"PYPELINE_BROKER_URL": None, "PYPELINE_DATABASE_URL": None}


@pytest.fixture
def embedded(tmp_path):
    """A folder whose runs stay in the process that starts them."""
    stage = Stage(tmp_path, "", "")
    write(stage)
    return stage


@pytest.fixture
def served(tmp_path):
    """A folder whose runs go through RabbitMQ and PostgreSQL."""
    require_broker(RABBITMQ)
    with postgres_server() as server, postgres_database(server) as url:
        stage = Stage(tmp_path, RABBITMQ, url)
        write(stage)
        assert stage.call("db", "upgrade").returncode == 0
        yield stage
        stage.forget()


def write(stage):
    (stage.folder / "large_demo.py").write_text(HANDLERS)
    (stage.folder / "sermos.yaml").write_text(CONFIGURATION.format(queue=stage.queue))


def check(document):
    """Everything came through as it was returned."""
    results = {(node["node"], node["index"]): node["result"] for node in document["nodes"]}
    rows = ["x" * 1000] * 1000
    assert document["state"] == "success", document["error"]
    assert results["extract", None] == {"rows": rows}
    assert results["split", None] == [rows, "small", rows[:500]]
    assert results["size", None] == [rows, 5, rows[:500]]
    assert results["size", 0] == rows
    assert results["total", None] == [1000, 5, 500]
    assert results["report", None] == {
        "total": [1000, 5, 500],
        "again": [1000, 5, 500],
        "all": "y" * 1_000_000,
    }
    assert not any("result_refs" in node for node in document["nodes"])


def objects(stage):
    return [path for path in (stage.folder / "large").rglob("*") if path.is_file()]


def test_large_results_pass_through_an_embedded_run(embedded):
    done = embedded.call("run", "large", "--json", **NO_BROKER, PYPELINE_RESULT_STORE="large")

    document = json.loads(done.stdout)
    check(document)
    # Two elements of the list, two items, and the results of extract and report.
    assert len(objects(embedded)) == 6
    assert [run.name for run in (embedded.folder / "large").iterdir()] == [document["execution_id"]]


def test_large_results_pass_through_a_broker_and_a_worker(served):
    place = (served.folder / "large").as_uri()
    # Two of one name on a host refuse each other's control queue.
    with served.worker("-c", "2", "-n", f"{served.queue}@%h", PYPELINE_RESULT_STORE=place):
        done = served.call("run", "large", "--json", PYPELINE_RESULT_STORE=place)

    check(json.loads(done.stdout))
    assert len(objects(served)) == 6


def test_people_see_how_much_it_is_and_where(embedded):
    run = json.loads(
        embedded.call("run", "large", "--json", **NO_BROKER, PYPELINE_RESULT_STORE="large").stdout
    )

    shown = embedded.call("show", run["execution_id"], **NO_BROKER).stdout
    node = embedded.call("show", run["execution_id"], "--node", "extract", **NO_BROKER).stdout

    assert "1.0 MB of JSON in the result store: " + run["execution_id"] in shown
    assert "1.0 MB of JSON in the result store: " + run["execution_id"] in node


def test_a_result_that_is_gone_is_told_in_the_document(embedded):
    run = json.loads(
        embedded.call("run", "large", "--json", **NO_BROKER, PYPELINE_RESULT_STORE="large").stdout
    )
    shutil.rmtree(embedded.folder / "large" / run["execution_id"])

    done = embedded.call("show", run["execution_id"], "--json", **NO_BROKER, PYPELINE_RESULT_STORE="large")

    nodes = {(node["node"], node["index"]): node for node in json.loads(done.stdout)["nodes"]}
    assert done.returncode == 0
    assert nodes["extract", None]["result"] is None
    [ref] = nodes["extract", None]["result_refs"]
    assert (ref["index"], ref["bytes"]) == (None, 1_004_010)
    assert "it is no longer there" in ref["error"]
    assert nodes["split", None]["result"] == [None, "small", None]
    assert [ref["index"] for ref in nodes["split", None]["result_refs"]] == [0, 2]


def test_without_a_store_the_run_fails_and_says_what_to_set(embedded):
    done = embedded.call("run", "large", **NO_BROKER)

    assert done.returncode == 1
    assert "Set PYPELINE_RESULT_STORE to a folder or URL that keeps larger ones" in done.stdout


@pytest.mark.parametrize("command", [("run", "large"), ("worker",)])
def test_a_store_that_nothing_installed_reaches_stops_the_command(served, command):
    changes = NO_BROKER if command[0] == "run" else {}

    done = served.call(*command, **changes, PYPELINE_RESULT_STORE="oci://bucket")

    assert done.returncode == 2
    assert "pip install ocifs" in done.stderr


def test_pruning_removes_a_run_with_its_objects(embedded):
    everything = {**NO_BROKER, "PYPELINE_RESULT_STORE": "large"}
    run = json.loads(embedded.call("run", "large", "--json", **everything).stdout)
    with sqlite3.connect(embedded.folder / "pypeline.db") as database:
        database.execute("UPDATE pypeline_run SET created_at = :then, finished_at = :then", {"then": THEN})
    database.close()

    dry = embedded.call("db", "prune", "--older-than", "30d", "--dry-run", **everything)
    still_there = embedded.call("show", run["execution_id"], **everything)
    refused = embedded.call("db", "prune", "--older-than", "30d", **NO_BROKER)
    done = embedded.call("db", "prune", "--older-than", "30d", **everything)
    gone = embedded.call("show", run["execution_id"], **everything)

    assert (dry.returncode, still_there.returncode) == (0, 0)
    assert dry.stdout.startswith("Would delete 1 run that ended before ")
    assert ", with 8 nodes; and 0 occurrences of schedules." in dry.stdout
    assert refused.returncode == 2
    assert "PYPELINE_RESULT_STORE: is not set" in refused.stderr
    assert done.stdout.startswith("Deleted 1 run that ended before ")
    assert done.returncode == 0
    assert gone.returncode == 2
    assert objects(embedded) == []


@pytest.mark.parametrize("age", ["30", "0d", "-1d", "soon", "99999999d"])
def test_an_age_that_is_none_is_refused_with_examples(embedded, age):
    done = embedded.call("db", "prune", f"--older-than={age}", **NO_BROKER)

    assert done.returncode == 2
    assert "such as 90m, 12h, 30d or 2w" in done.stderr
