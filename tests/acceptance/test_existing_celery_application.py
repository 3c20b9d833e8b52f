"""A user's own Celery application takes ``configure_celery``, and one worker does both kinds of work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from celery import Celery
from kombu import Connection, Exchange, Queue

from pypeline import bootstrap
from pypeline.config import Settings, find_config, load_config
from pypeline.runs.states import RunState
from pypeline.tasks.brokers.report import examine
from services import unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BROKER = "amqp://guest:guest@127.0.0.1:5672//"
BROKERS_PAGE = Path(__file__).parents[2] / "docs" / "reference" / "brokers.md"

APPLICATION = """
import os
from pathlib import Path

from celery import Celery
from kombu import Exchange, Queue

NAME = os.environ["SHOP_QUEUE"]

app = Celery("shop", broker=os.environ["SHOP_BROKER"])
app.conf.update(
    task_default_queue=NAME,
    task_queues=[Queue(NAME, Exchange(NAME), NAME), Queue(f"{NAME}-bulk", Exchange(NAME), f"{NAME}-bulk")],
    task_routes={"shop.bulk": {"queue": f"{NAME}-bulk"}},
    task_acks_late=False,
    worker_prefetch_multiplier=3,
    worker_send_task_events=True,
    result_backend="cache+memory://",
    timezone="Europe/Berlin",
)


@app.task(name="shop.greet")
def greet(customer):
    with Path(os.environ["SHOP_NOTES"]).open("a") as notes:
        notes.write(f"greeted {customer}\\n")


@app.task(name="shop.bulk")
def bulk(amount):
    with Path(os.environ["SHOP_NOTES"]).open("a") as notes:
        notes.write(f"packed {amount}\\n")
"""

PIPELINES = """
from pypeline.celery import GenerateCeleryTasks, configure_celery
from shop import app

configure_celery(app)
GenerateCeleryTasks(celery=app).generate()
"""

HANDLERS = """
from shop import app

def extract(event):
    return [1, 2, 3]

@app.task(name="shop_handlers.total")
def total(event, extract):
    return sum(extract)
"""

CONFIGURATION = """
serviceConfig:
  - name: shop-worker
    registeredTasks:
      - handler: shop_handlers.extract
      - handler: shop_handlers.total
pipelines:
  sum:
    name: sum
    schemaVersion: 1
    config:
      metadata: {queue: QUEUE}
      dagAdjacency: {extract: [total]}
      taskDefinitions:
        extract: {handler: shop_handlers.extract}
        total: {handler: shop_handlers.total, queue: QUEUE-nodes}
"""

CHANGES = """
import json
from shop import app
before = dict(app.conf)
import shop_pipelines
after = dict(app.conf)
print(json.dumps([key for key in after if after[key] != before.get(key)]))
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
        for one in (name, f"{name}-bulk", f"{name}-nodes"):
            connection.default_channel.queue_delete(one)
        connection.default_channel.exchange_delete(name)


@pytest.fixture
def shop(queue, tmp_path) -> dict[str, str]:
    """The environment of a user's application, whose classic queues hold messages already."""
    (tmp_path / "shop.py").write_text(APPLICATION)
    (tmp_path / "shop_pipelines.py").write_text(PIPELINES)
    (tmp_path / "shop_handlers.py").write_text(HANDLERS)
    (tmp_path / "sermos.yaml").write_text(CONFIGURATION.replace("QUEUE", queue))
    (tmp_path / "notes").touch()
    variables = {
        "SHOP_QUEUE": queue,
        "SHOP_BROKER": BROKER,
        "SHOP_NOTES": str(tmp_path / "notes"),
        "PYPELINE_CONFIG": str(tmp_path / "sermos.yaml"),
        "PYPELINE_BROKER_URL": BROKER,
        "PYPELINE_DATABASE_URL": f"sqlite:///{tmp_path}/shop.db",
        "PYPELINE_APP": queue,
    }
    bootstrap.upgrade_database(Settings.load(variables, folder=tmp_path))
    return variables


def send_their_tasks(queue: str) -> None:
    """As a process of theirs does that knows nothing of pipelines."""
    theirs = Celery("shop", broker=BROKER, set_as_current=False)
    exchange = Exchange(queue)
    theirs.conf.task_queues = [Queue(name, exchange, name) for name in (queue, f"{queue}-bulk")]
    theirs.send_task("shop.greet", ["Ada"], queue=queue)
    theirs.send_task("shop.bulk", [7], queue=f"{queue}-bulk")


@contextmanager
def worker_process(folder: Path, variables: dict[str, str]) -> Iterator[None]:
    command = [sys.executable, "-m", "celery", "-A", "shop_pipelines", "worker", "-c", "2", "-l", "WARNING"]
    with (folder / "worker.log").open("w") as log:
        process = subprocess.Popen(
            # Two of one name on a host refuse each other's control queue.
            [*command, "-n", f"{variables['SHOP_QUEUE']}@%h"],
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


def wait_until(condition: Callable[[], bool], log: Path) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.05)


def test_one_worker_runs_their_tasks_and_the_nodes_of_a_pipeline(shop, queue, tmp_path):
    send_their_tasks(queue)
    settings = Settings.load(shop, folder=tmp_path)
    config = load_config(find_config(settings), env=settings.environment)

    with worker_process(tmp_path, shop), bootstrap.build(settings, config) as system:
        run = system.application.invoke("sum", {}, trigger="python")
        state = system.application.wait(run, timeout=60)
        results = [node.result for node in system.application.nodes(run)]
        notes = tmp_path / "notes"
        wait_until(lambda: len(notes.read_text().splitlines()) == 2, tmp_path / "worker.log")
        send_their_tasks(queue)
        wait_until(lambda: len(notes.read_text().splitlines()) == 4, tmp_path / "worker.log")

    assert state is RunState.SUCCESS, (tmp_path / "worker.log").read_text()
    assert results == ["[1, 2, 3]", "6"]
    assert sorted(notes.read_text().splitlines()) == ["greeted Ada"] * 2 + ["packed 7"] * 2


def test_their_queues_stay_classic_and_a_new_one_is_a_quorum_queue(shop, queue, tmp_path):
    send_their_tasks(queue)
    app = Celery("look", broker=BROKER, set_as_current=False)
    log = tmp_path / "worker.log"

    with worker_process(tmp_path, shop):
        wait_until(lambda: len((tmp_path / "notes").read_text().splitlines()) == 2, log)
        wait_until(lambda: examine(app, [f"{queue}-nodes"]).queues[0].consumers == 1, log)
        kinds = [found.kind for found in examine(app, [queue, f"{queue}-bulk", f"{queue}-nodes"]).queues]

    assert kinds == ["classic", "classic", "quorum"]


def test_their_settings_stay_but_for_those_that_the_page_of_brokers_names(shop, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", CHANGES],
        cwd=tmp_path,
        env={**os.environ, **shop},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    changed = json.loads(done.stdout)
    page = BROKERS_PAGE.read_text()
    assert "worker_prefetch_multiplier" not in changed
    assert changed
    assert [key for key in changed if f"`{key}`" not in page] == []
