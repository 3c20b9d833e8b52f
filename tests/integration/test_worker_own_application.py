"""A worker of a user's own Celery application does their tasks and ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from celery import Celery
from kombu import Connection

from pypeline.runs.states import RunState
from worker_shop import BROKER, finished, open_shop, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pypeline.bootstrap import System
    from worker_shop import Shop

THEIRS = """
import os
import pathlib

from celery import Celery

from pypeline.celery import GenerateCeleryTasks, configure_celery

app = configure_celery(Celery("theirs", broker="BROKER"))
app.conf.task_default_queue = "QUEUE-theirs"


@app.task(name="theirs.greet")
def greet(name):
    pathlib.Path(os.environ["SHOP_NOTES"], f"hello-{name}").touch()


GenerateCeleryTasks(celery=app).generate()
"""


@pytest.fixture
def opened(tmp_path, postgres_url) -> Iterator[tuple[Shop, System]]:
    with open_shop(tmp_path, postgres_url) as (shop, system):
        (tmp_path / "theirs.py").write_text(THEIRS.replace("BROKER", BROKER).replace("QUEUE", shop.queue))
        yield shop, system
        with Connection(BROKER) as connection:
            connection.default_channel.queue_delete(f"{shop.queue}-theirs")


def test_a_worker_of_the_users_application_runs_their_tasks_and_our_nodes(opened):
    shop, system = opened
    sender = Celery("sender", broker=BROKER, set_as_current=False)

    with shop.worker("-c", "2", app="theirs"):
        run = system.application.invoke("sum", {}, trigger="python")
        sender.send_task("theirs.greet", args=["bob"], queue=f"{shop.queue}-theirs")

        assert finished(system, run) is RunState.SUCCESS
        wait_until((shop.notes / "hello-bob").exists, lambda: "their task did not run")
