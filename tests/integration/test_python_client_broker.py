"""`pypeline.Client` with RabbitMQ and PostgreSQL: it sends, and a worker runs."""

from __future__ import annotations

import threading

import pytest

import pypeline
from cli_stage import RABBITMQ, Stage, require_broker
from pypeline.config import Settings
from services import free_port

TASKS = """
def one(event):
    return event.get("number", 1)

def add(event, one):
    return one + 1
"""
CONFIG = """
serviceConfig:
  - name: adder
    registeredTasks:
      - {handler: python_client_tasks.one, event: {number: 41}}
      - {handler: python_client_tasks.add}
pipelines:
  sum:
    config:
      metadata: {queue: QUEUE}
      dagAdjacency: {one: [add]}
      taskDefinitions: {one: {handler: python_client_tasks.one}, add: {handler: python_client_tasks.add}}
"""
PATIENCE = 60


@pytest.fixture(scope="module")
def stage(tmp_path_factory, postgres_url):
    stage = Stage(tmp_path_factory.mktemp("client"), require_broker(RABBITMQ), postgres_url)
    (stage.folder / "python_client_tasks.py").write_text(TASKS)
    (stage.folder / "sermos.yaml").write_text(CONFIG.replace("QUEUE", stage.queue))
    assert stage.call("db", "upgrade").returncode == 0
    yield stage
    stage.forget()


def open_client(stage, **changes):
    return pypeline.Client(Settings.load({**stage.variables, **changes}, folder=stage.folder))


def test_a_worker_runs_what_the_client_sends_tasks_of_schedules_too(stage):
    threads = threading.active_count()
    with open_client(stage) as client:
        run = client.invoke("sum", {"number": 2})
        client.schedules.create("now", task="python_client_tasks.one", every="1 day")
        now = client.schedules.run("now")

        assert threading.active_count() == threads
        assert (run.state, now.state) == ("pending", "pending")
        with stage.worker():
            assert (run.wait(PATIENCE), now.wait(PATIENCE)) == ("success", "success")
        assert (run.results, now.results) == ({"add": 3}, {"one": 41})
        assert client.schedules.get("now").last_state == "success"
        client.schedules.delete("now")


def test_a_run_is_accepted_while_the_broker_is_away(stage):
    away = f"amqp://guest:guest@127.0.0.1:{free_port()}//"

    with open_client(stage, PYPELINE_BROKER_URL=away) as client:
        run = client.invoke("sum")

        assert run.state == "pending"
        assert run.cancel() == "cancelled"
