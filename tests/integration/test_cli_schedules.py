"""`pypeline schedules` beside a broker: who is warned of what, and a run that workers do."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess

import pytest

from cli_stage import PYPELINE, RABBITMQ, Stage, require_broker
from services import postgres_database, postgres_server

TASKS = "def tick(event): return event.get('n')\n"
CONFIG = """
serviceConfig:
  - name: demo
    registeredTasks:
      - handler: cli_schedules_broker_tasks.tick
"""
TICK = ("--task", "cli_schedules_broker_tasks.tick", "--every", "1 hour", "--payload", '{"n": 7}')


@pytest.fixture(scope="module")
def database():
    with postgres_server() as server, postgres_database(server) as url:
        yield url


@pytest.fixture
def stage(tmp_path, database):
    require_broker(RABBITMQ)
    (tmp_path / "cli_schedules_broker_tasks.py").write_text(TASKS)
    (tmp_path / "sermos.yaml").write_text(CONFIG)
    here = Stage(tmp_path, RABBITMQ, database)
    upgraded = here.call("db", "upgrade")
    assert upgraded.returncode == 0, upgraded.stderr
    yield here
    here.forget()


def test_who_makes_one_hears_that_no_scheduler_and_no_worker_would_do_it(stage):
    done = stage.call("schedules", "create", "ticks", *TICK)

    assert done.returncode == 0
    assert done.stderr.splitlines() == [
        "warning: no scheduler runs, so nothing starts what is due: start one with `pypeline beat`",
        f"warning: no worker listens on queue {stage.queue}-default: start one with `pypeline worker`",
    ]


def test_a_run_now_is_handed_to_the_workers(stage):
    stage.call("schedules", "create", "ticks", *TICK)

    with stage.worker("-c", "1", "-P", "threads", "-n", f"{stage.queue}@%h"):
        done = stage.call("schedules", "run", "ticks")
        ended = stage.call("show", done.stdout.strip(), "--watch", "--json")
        listed = stage.json("schedules", "list")["schedules"]

    run = json.loads(ended.stdout)
    assert (run["state"], run["trigger"], run["nodes"][0]["result"]) == ("success", "schedule:ticks", 7)
    assert listed[0]["last_run"] == {"execution_id": run["execution_id"], "state": "success"}


@pytest.mark.parametrize(("answer", "left"), [("n", 1), ("y", 0)])
def test_a_terminal_is_asked_before_a_schedule_is_deleted(stage, answer, left):
    stage.call("schedules", "create", "ticks", *TICK, "--disabled")

    _delete_on_a_terminal(stage, answer)

    assert len(stage.json("schedules", "list")["schedules"]) == left


def _delete_on_a_terminal(stage, answer):
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*PYPELINE, "schedules", "delete", "ticks"],
        cwd=stage.folder,
        env=stage.variables,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        asked = ""
        while "[y/N]" not in asked and select.select([ours], [], [], 30)[0]:
            asked += os.read(ours, 1000).decode()
        os.write(ours, f"{answer}\n".encode())
        process.wait(30)
    os.close(ours)
    os.close(theirs)
    assert "Delete schedule ticks and its history?" in asked
