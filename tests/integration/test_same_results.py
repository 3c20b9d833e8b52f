"""One pipeline gives one set of results, whatever carries its messages."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import redis
from kombu import Connection

from kafka_mock import mock_cluster
from pypeline import bootstrap
from pypeline.config import Settings, find_config, load_config
from pypeline.runs.states import RunState
from services import unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RABBITMQ = "amqp://guest:guest@127.0.0.1:5672//"
REDIS = "redis://127.0.0.1:6379/0"

HANDLERS = """
from pypeline import Skip

def words(event):
    return event["text"].split()

def measure(event):
    return {"word": event["item"], "length": len(event["item"])}

def longest(event, measure):
    return max(found["length"] for found in measure)

def stumble(event):
    if event["attempt"] == 1:
        raise RuntimeError("the first time")
    return "stood up"

def pass_by(event):
    raise Skip("nothing to do")

def unreached(event):
    return "never"

def report(event, longest, stumble, pass_by):
    return {"longest": longest, "stumble": stumble, "pass_by": pass_by}
"""

CONFIGURATION = """
pipelines:
  same:
    name: same
    schemaVersion: 1
    config:
      metadata: {queue: QUEUE, maxRetry: 2, retryBackoff: 0.1, maxTtl: 60}
      dagAdjacency:
        words: [measure, stumble, pass_by]
        measure: [longest]
        longest: [report]
        stumble: [report]
        pass_by: [report, unreached]
      taskDefinitions:
        words: {handler: same_handlers.words}
        measure: {handler: same_handlers.measure, forEach: words}
        longest: {handler: same_handlers.longest}
        stumble: {handler: same_handlers.stumble}
        pass_by: {handler: same_handlers.pass_by}
        unreached: {handler: same_handlers.unreached}
        report: {handler: same_handlers.report, triggerRule: none_failed}
"""
PAYLOAD = {"text": "the quick brown fox jumps over the lazy dog"}


@contextmanager
def rabbitmq(queue: str) -> Iterator[str]:
    with Connection(RABBITMQ, connect_timeout=2) as connection:
        try:
            connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0)
        except OSError as error:
            unavailable(f"RabbitMQ: no server at {RABBITMQ}: {error}")
        yield RABBITMQ
        connection.default_channel.queue_delete(queue)


@contextmanager
def redis_server(queue: str) -> Iterator[str]:
    with redis.Redis.from_url(REDIS) as client:
        try:
            client.ping()
        except redis.ConnectionError as error:
            unavailable(f"redis: no server at {REDIS}: {error}")
        yield REDIS
        # The name of the application is the prefix of all keys.
        left = client.keys(f"{queue}:*")
        if left:
            client.delete(*left)


@contextmanager
def kafka(_: str) -> Iterator[str]:
    with mock_cluster() as url:
        yield url


@contextmanager
def worker_process(folder: Path, variables: dict[str, str]) -> Iterator[None]:
    command = [sys.executable, "-m", "celery", "-A", "pypeline.celery", "worker", "-c", "2", "-l", "WARNING"]
    with (folder / "worker.log").open("w") as log:
        process = subprocess.Popen(
            [*command, "-n", f"{uuid.uuid4().hex}@%h"],
            cwd=folder,
            env={**os.environ, **variables},
            stdout=log,
            stderr=log,
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(60)


@contextmanager
def system(folder: Path, variables: dict[str, str]) -> Iterator[bootstrap.System]:
    settings = Settings.load(variables, folder=folder)
    config = load_config(find_config(settings), env=settings.environment)
    bootstrap.upgrade_database(settings)
    with bootstrap.build(settings, config) as built:
        yield built


def outcome(built: bootstrap.System) -> dict[str, Any]:
    """How a run of the pipeline ends, without what differs from run to run."""
    application = built.application
    run = application.invoke("same", PAYLOAD, trigger="python")
    state = application.wait(run, timeout=90)
    nodes = {(node.name, node.item): (node.state, node.result) for node in application.nodes(run)}
    failed = [(attempt.outcome, attempt.error.message) for attempt in application.attempts(run)]
    return {"state": state, "nodes": nodes, "attempts": failed}


@pytest.fixture
def variables(tmp_path) -> dict[str, str]:
    queue = f"pypeline-test-{uuid.uuid4().hex}"
    (tmp_path / "same_handlers.py").write_text(HANDLERS)
    (tmp_path / "sermos.yaml").write_text(CONFIGURATION.replace("QUEUE", queue))
    return {
        "PYPELINE_CONFIG": str(tmp_path / "sermos.yaml"),
        "PYPELINE_DATABASE_URL": f"sqlite:///{tmp_path}/same.db",
        "PYPELINE_DEFAULT_QUEUE": queue,
        "PYPELINE_APP": queue,
    }


@pytest.mark.parametrize("broker", [rabbitmq, redis_server, kafka])
def test_a_pipeline_ends_through_a_broker_as_it_does_embedded(broker, variables, tmp_path):
    with system(tmp_path, variables) as embedded, embedded.worker():
        expected = outcome(embedded)

    with broker(variables["PYPELINE_DEFAULT_QUEUE"]) as url:
        remote = {**variables, "PYPELINE_BROKER_URL": url}
        with worker_process(tmp_path, remote), system(tmp_path, remote) as built:
            through = outcome(built)

    assert expected["state"] is RunState.SUCCESS
    assert through == expected, (tmp_path / "worker.log").read_text()
