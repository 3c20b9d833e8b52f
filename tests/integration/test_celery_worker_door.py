"""``celery -A pypeline.celery worker`` on a real broker, from a configuration to a finished run."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from kombu import Connection

from pypeline import bootstrap
from pypeline.config import Settings, find_config, load_config
from pypeline.runs.states import NodeState, RunState
from services import unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pypeline.application import Application

BROKER = "amqp://guest:guest@127.0.0.1:5672//"

HANDLERS = """
import time

def extract(event):
    return [1, 2, 3]

def total(event, extract):
    return sum(extract)

def forever(event):
    while True:
        time.sleep(0.01)
"""

CONFIGURATION = """
serviceConfig:
  - name: door-worker
    registeredTasks:
      - handler: door_handlers.extract
      - handler: door_handlers.total
      - handler: door_handlers.forever
pipelines:
  sum:
    name: sum
    schemaVersion: 1
    config:
      metadata: {queue: QUEUE}
      dagAdjacency: {extract: [total]}
      taskDefinitions:
        extract: {handler: door_handlers.extract}
        total: {handler: door_handlers.total}
  forever:
    name: forever
    schemaVersion: 1
    config:
      metadata: {queue: QUEUE, maxRetry: 0, maxTtl: 1}
      dagAdjacency: {forever: []}
      taskDefinitions:
        forever: {handler: door_handlers.forever}
"""


@pytest.fixture
def queue() -> Iterator[str]:
    name = f"pypeline-test-{uuid.uuid4().hex}"
    try:
        with Connection(BROKER, connect_timeout=2) as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0)
    except OSError as error:
        unavailable(f"RabbitMQ: no server at {BROKER}: {error}")
    yield name
    with Connection(BROKER) as connection:
        connection.default_channel.queue_delete(name)


@pytest.fixture
def application(queue, tmp_path, monkeypatch) -> Iterator[Application]:
    """What starts and shows runs, beside a worker process of the same configuration."""
    (tmp_path / "door_handlers.py").write_text(HANDLERS)
    (tmp_path / "sermos.yaml").write_text(CONFIGURATION.replace("QUEUE", queue))
    for name, value in {
        "PYPELINE_CONFIG": str(tmp_path / "sermos.yaml"),
        "PYPELINE_BROKER_URL": BROKER,
        "PYPELINE_DATABASE_URL": f"sqlite:///{tmp_path}/door.db",
        "PYPELINE_DEFAULT_QUEUE": queue,
        "PYPELINE_APP": "door",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "path", [*sys.path])
    settings = Settings.load()
    config = load_config(find_config(settings), env=settings.environment)
    with bootstrap.build(settings, config) as system, worker_process(tmp_path, queue):
        yield system.application


@contextmanager
def worker_process(folder: Path, queue: str) -> Iterator[None]:
    command = [sys.executable, "-m", "celery", "-A", "pypeline.celery", "worker", "-c", "2", "-Q", queue]
    with (folder / "worker.log").open("w") as log:
        process = subprocess.Popen(
            # Two of one name on a host refuse each other's control queue.
            [*command, "-l", "INFO", "-n", f"{queue}@%h"],
            cwd=folder,
            env=dict(os.environ),
            stderr=log,
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)


def test_a_worker_of_the_door_finishes_a_run_and_times_out_what_does_not_end(application):
    done = application.invoke("sum", {}, trigger="python")
    hopeless = application.invoke("forever", {}, trigger="python")

    assert application.wait(done, timeout=60) is RunState.SUCCESS
    assert application.wait(hopeless, timeout=60) is RunState.FAILED
    assert [node.result for node in application.nodes(done) if node.item is None][-1] == "6"
    [forever] = application.nodes(hopeless)
    assert (forever.state, forever.error.message) == (NodeState.FAILED, "timed out after 1 s")
