"""``PYPELINE_LOG_FORMAT=json``: each program that goes on writes its log as one JSON object a line."""

from __future__ import annotations

import json

import pytest

from cli_stage import RABBITMQ, Stage, require_broker
from web_stage import web

TASKS = """
import logging

def says(event):
    logging.getLogger("shop").warning("weighed %s", "it", extra={"grams": 7})
    print("printed")
"""
CONFIG = """
serviceConfig:
  - name: shop
    registeredTasks: [{handler: logs_tasks.says}]
pipelines:
  says:
    config:
      metadata: {queue: QUEUE}
      dagAdjacency: {says: []}
      taskDefinitions: {says: {handler: logs_tasks.says}}
"""
# Celery warns who is root, before its log is open.
JSON = {"PYPELINE_LOG_FORMAT": "json", "PYTHONWARNINGS": "ignore"}


@pytest.fixture
def stage(tmp_path, postgres_url):
    found = Stage(tmp_path, require_broker(RABBITMQ), postgres_url)
    (tmp_path / "logs_tasks.py").write_text(TASKS)
    (tmp_path / "sermos.yaml").write_text(CONFIG.replace("QUEUE", found.queue))
    done = found.call("db", "upgrade")
    assert done.returncode == 0, done.stderr
    yield found
    found.forget()


def lines_of(text):
    """The log, without what Celery says on the terminal when a worker ends."""
    lines = [line for line in text.splitlines() if line and not line.startswith("worker: ")]
    return [json.loads(line) for line in lines]


def test_a_worker(stage):
    with stage.worker("-c", "1", **JSON):
        done = stage.call("run", "says", "--timeout", "60")
        assert done.returncode == 0, done.stderr

    lines = lines_of((stage.folder / "worker.log").read_text())
    said = next(line for line in lines if line["message"] == "weighed it")
    assert (said["level"], said["logger"], said["grams"]) == ("WARNING", "shop", 7)
    assert any(" ready." in line["message"] for line in lines)


def test_a_scheduler(stage):
    with stage.started("beat", **JSON) as scheduler:
        for line in scheduler.stderr:
            said = json.loads(line)
            if "schedules of the configuration" in said["message"]:
                break

    assert said["level"] == "INFO"


def test_the_api_and_its_access_log(stage):
    with web(stage.folder, {**stage.variables, **JSON}, "--", "--access-logfile", "-") as server:
        server.call("/api/v1/runs")

    lines = lines_of(server.log.read_text())
    assert any('"GET /api/v1/runs HTTP/1.1" 200' in line["message"] for line in lines)
    assert any(line["logger"] == "gunicorn.error" for line in lines)
