"""Redis as the broker: what it hands out twice, and a server that goes and comes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import redis
from celery import Celery

from celery_broker_app import make_app
from celery_fakes import a_message, a_ref, wait_until
from private_redis import PrivateRedis
from pypeline import bootstrap
from pypeline.bootstrap.broker import client_app
from pypeline.config import Settings, find_config, load_config
from pypeline.errors import DispatchFailed
from pypeline.runs.states import RunState
from pypeline.tasks.brokers.dispatch import CeleryDispatcher
from pypeline.tasks.brokers.queues import queue_of
from pypeline.tasks.configure import configure_celery

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

APPLICATION = """
import os
from celery import Celery
from pypeline.celery import GenerateCeleryTasks, configure_celery

app = Celery("hasty", broker=os.environ["PYPELINE_BROKER_URL"])
# A second, where the handler takes longer: Redis hands the message out again meanwhile.
app.conf.broker_transport_options = {
    "visibility_timeout": 1, "unacked_restore_interval": 1, "unacked_restore_throttle": 1,
    "global_keyprefix": os.environ["PYPELINE_APP"] + ":",
}
configure_celery(app)
GenerateCeleryTasks(celery=app).generate()
"""

HANDLERS = """
import os, pathlib, time

def slow(event):
    folder = pathlib.Path(os.environ["NOTES"])
    with folder.joinpath("calls").open("a") as calls:
        calls.write("called\\n")
    while not folder.joinpath("leave").exists():
        time.sleep(0.02)
    return "done"
"""

CONFIGURATION = """
pipelines:
  slow:
    name: slow
    schemaVersion: 1
    config:
      metadata: {queue: QUEUE}
      dagAdjacency: {slow: []}
      taskDefinitions:
        slow: {handler: hasty_handlers.slow}
"""


@pytest.fixture(scope="module")
def server() -> Iterator[PrivateRedis]:
    with PrivateRedis() as private:
        yield private


@contextmanager
def worker_process(folder: Path, variables: dict[str, str]) -> Iterator[Path]:
    command = [sys.executable, "-m", "celery", "-A", "hasty", "worker", "-c", "2", "-l", "DEBUG"]
    log = folder / "worker.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            command, cwd=folder, env={**os.environ, **variables}, stdout=output, stderr=output
        )
        try:
            yield log
        finally:
            (folder / "leave").touch()
            process.terminate()
            process.wait(60)


def test_a_message_that_redis_hands_out_twice_is_worked_on_once(server, tmp_path):
    queue = f"pypeline-test-{uuid.uuid4().hex}"
    (tmp_path / "hasty.py").write_text(APPLICATION)
    (tmp_path / "hasty_handlers.py").write_text(HANDLERS)
    (tmp_path / "sermos.yaml").write_text(CONFIGURATION.replace("QUEUE", queue))
    variables = {
        "NOTES": str(tmp_path),
        "PYPELINE_CONFIG": str(tmp_path / "sermos.yaml"),
        "PYPELINE_BROKER_URL": server.url,
        "PYPELINE_DATABASE_URL": f"sqlite:///{tmp_path}/hasty.db",
        "PYPELINE_APP": queue,
    }
    settings = Settings.load(variables, folder=tmp_path)
    config = load_config(find_config(settings), env=settings.environment)
    bootstrap.upgrade_database(settings)

    with worker_process(tmp_path, variables) as log, bootstrap.build(settings, config) as system:
        run = system.application.invoke("slow", {}, trigger="python")
        wait_until(lambda: "dropped a copy" in log.read_text(), timeout=60)
        (tmp_path / "leave").touch()
        state = system.application.wait(run, timeout=60)

        assert state is RunState.SUCCESS
        assert (tmp_path / "calls").read_text().split() == ["called"]
        assert system.application.attempts(run) == []


@pytest.mark.parametrize(("prefix", "keys"), [("none", ""), ("team:", "team:")])
def test_our_processes_send_to_the_keys_of_an_application_that_exists(server, tmp_path, prefix, keys):
    queue = f"pypeline-test-{uuid.uuid4().hex}"
    settings = Settings.load(
        {"PYPELINE_BROKER_URL": server.url, "PYPELINE_REDIS_PREFIX": prefix}, folder=tmp_path
    )
    theirs = configure_celery(Celery("shop", broker=server.url, set_as_current=False))
    theirs.conf.broker_transport_options = {"global_keyprefix": keys}

    CeleryDispatcher(client_app(settings)).send([a_message(queue=queue)])

    with theirs.connection_for_read() as connection:
        message = queue_of(theirs, queue)(connection.default_channel).get(no_ack=True)
    assert message.headers["id"] == "run:0:-1:1"


def test_a_dispatcher_goes_on_after_redis_was_away(server, tmp_path):
    queue = f"pypeline-test-{uuid.uuid4().hex}"
    dispatcher = CeleryDispatcher(make_app(server.url, queue))
    dispatcher.send([a_message(a_ref(1), queue=queue)])

    server.stop()
    with pytest.raises(DispatchFailed):
        dispatcher.send([a_message(a_ref(2), queue=queue)])
    server.start()
    wait_until(lambda: sends(dispatcher, queue))

    with redis.Redis.from_url(server.url) as client:
        waiting = [json.loads(text)["headers"]["id"] for text in client.lrange(f"{queue}:{queue}", 0, -1)]
    assert sorted(waiting) == ["run:0:1:1", "run:0:3:1"]


def test_a_redis_that_is_gone_without_a_word_is_noticed():
    queue = f"pypeline-test-{uuid.uuid4().hex}"

    with PrivateRedis() as server:
        app = make_app(server.url, queue)
        app.conf.broker_transport_options["socket_timeout"] = 0.5
        dispatcher = CeleryDispatcher(app)
        dispatcher.send([a_message(queue=queue)])
        with redis.Redis.from_url(server.url) as client:
            client.client_pause(60_000)
        begun = time.monotonic()
        with pytest.raises(DispatchFailed):
            dispatcher.send([a_message(queue=queue)])
        took = time.monotonic() - begun

    assert took < 20


def test_a_client_that_repeats_by_itself_gets_one_message_at_a_time(server):
    queue = f"pypeline-test-{uuid.uuid4().hex}"
    app = make_app(server.url, queue)
    app.conf.broker_transport_options["retry_on_timeout"] = True

    CeleryDispatcher(app).send([a_message(a_ref(item), queue=queue) for item in range(3)])

    with redis.Redis.from_url(server.url) as client:
        assert client.llen(f"{queue}:{queue}") == 3


def sends(dispatcher: CeleryDispatcher, queue: str) -> bool:
    try:
        dispatcher.send([a_message(a_ref(3), queue=queue)])
    except DispatchFailed:
        return False
    return True
