"""`pypeline worker` as operators start it: what stops it, and what it waits for."""

from __future__ import annotations

import pytest

from cli_stage import RABBITMQ, Stage, require_broker
from services import postgres_database

CONFIG = """
serviceConfig:
  - name: fast
    registeredTasks:
      - {handler: cli_worker_tasks.fast}
  - name: slow
    registeredTasks:
      - {handler: cli_worker_tasks.slow}
pipelines:
  fast:
    config:
      metadata: {queue: QUEUE}
      dagAdjacency: {a: []}
      taskDefinitions: {a: {handler: cli_worker_tasks.fast}}
  slow:
    config:
      metadata: {queue: QUEUE-slow}
      dagAdjacency: {a: []}
      taskDefinitions: {a: {handler: cli_worker_tasks.slow}}
"""
TASKS = """
def fast(event):
    return "fast"

def slow(event):
    return "slow"
"""


@pytest.fixture
def stage(tmp_path):
    found = Stage(tmp_path, require_broker(RABBITMQ), f"sqlite:///{tmp_path}/runs.db")
    (tmp_path / "cli_worker_tasks.py").write_text(TASKS)
    (tmp_path / "sermos.yaml").write_text(CONFIG.replace("QUEUE", found.queue))
    yield found
    found.forget("slow")


def test_a_worker_serves_the_service_that_it_is_named_for(stage):
    with stage.worker("--name", "slow", "-P", "solo"):
        slow = stage.json("run", "slow")
        fast = stage.json("run", "fast", "--no-wait")

    assert slow["nodes"][0]["result"] == "slow"
    assert fast["nodes"][0]["state"] == "queued"
    assert "slow@" in (stage.folder / "worker.log").read_text()


def test_queues_that_are_given_replace_those_of_the_service(stage):
    with stage.worker("-Q", f"{stage.queue}-slow", "--pool", "threads", "-c", "3"):
        [worker] = stage.json("doctor")["workers"]

    assert worker["queues"] == [f"{stage.queue}-slow"]
    assert (worker["pool"], worker["concurrency"], worker["service"]) == ("threads", 3, None)


def test_what_stands_behind_two_dashes_is_celerys(stage):
    done = stage.call("worker", "--", "--no-such-option")

    assert done.returncode == 2
    assert "--no-such-option" in done.stderr


def test_an_unknown_service_is_refused_with_those_that_there_are(stage):
    done = stage.call("worker", "--name", "fats")

    assert done.returncode == 2
    assert done.stderr == "error: WORKER_NAME: there is no service 'fats'; the file has: fast, slow\n"


def test_without_a_broker_it_says_what_to_set(stage):
    done = stage.call("worker", PYPELINE_BROKER_URL=None)

    assert done.returncode == 2
    assert "no broker is set, so nothing could reach a worker: set PYPELINE_BROKER_URL" in done.stderr


def test_without_a_schema_it_says_how_to_create_it(stage, postgres_url):
    with postgres_database(postgres_url.rpartition("/")[0]) as empty:
        done = stage.call("worker", PYPELINE_DATABASE_URL=empty)

    assert done.returncode == 2
    assert "is at schema level 0" in done.stderr
    assert "run `pypeline db upgrade`" in done.stderr


def test_a_handler_that_cannot_be_imported_is_told_with_its_place(stage):
    (stage.folder / "cli_worker_tasks.py").write_text("import no_such_package")

    done = stage.call("worker")

    assert done.returncode == 2
    assert "No module named 'no_such_package'" in done.stderr
    assert "sermos.yaml:5:" in done.stderr


def test_a_database_that_is_away_is_waited_for(stage):
    folder = stage.folder / "later"

    with stage.started(
        "worker", "-P", "solo", PYPELINE_DATABASE_URL=f"sqlite:///{folder}/runs.db"
    ) as process:
        first = process.stderr.readline()
        folder.mkdir()
        started = any(" ready." in line for line in process.stderr)
        process.terminate()
        process.wait(30)

    assert first.startswith("waiting for the database: database sqlite:///")
    assert started
