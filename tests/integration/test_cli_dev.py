"""`pypeline dev` as a real process, and schedules that change beside it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from threading import Thread

import pytest
from click.testing import CliRunner

from cli_stage import CLEAN, PYPELINE
from pypeline.cli import main
from web_stage import call

TASKS = """
import os, pathlib, time

def tick(event):
    print("printed by a handler")
    return event.get("n")

def waits(event, tools):
    pathlib.Path("running").touch()
    while not os.path.exists("go"):
        time.sleep(0.02)
    return "done"

def fails(event):
    raise ValueError("no luck")
"""
CONFIG = """
serviceConfig:
  - name: local
    registeredTasks:
      - handler: cli_dev_tasks.tick
      - handler: cli_dev_tasks.waits
      - handler: cli_dev_tasks.fails
pipelines:
  ticks:
    config:
      metadata: {queue: q, maxRetry: 0}
      dagAdjacency: {first: [last]}
      taskDefinitions:
        first: {handler: cli_dev_tasks.tick}
        last: {handler: cli_dev_tasks.tick}
scheduledTasks:
  of-the-file:
    config:
      scheduleType: interval
      pipeline: ticks
      schedule: {every: 1, period: seconds}
"""
START_AND_DIE = """
from pypeline.bootstrap import build
from pypeline.cli.opening import read_config
from pypeline.config import Settings

with build(Settings.load(), read_config(None)) as system:
    print(system.application.invoke("ticks", {}, trigger="cli"))
"""
QUIET = CONFIG.partition("scheduledTasks:")[0]
WAITS = ("--task=cli_dev_tasks.waits", "--every=1 second", "--overlap=skip")
IN_FORCE = 2.0
"""Seconds within which a change has to be."""


class Dev:
    """A `pypeline dev` whose lines are read as they come."""

    def __init__(self, process):
        self.process = process
        self.lines = []
        self._coming = SimpleQueue()
        self._reader = Thread(target=self._read)
        self._reader.start()

    def close(self):
        self.process.kill()
        self.process.wait()
        self._reader.join()
        self.process.stdout.close()

    def wait_for(self, *words, timeout=20.0):
        """The first line from here on that has all these words."""
        end = time.monotonic() + timeout
        while True:
            try:
                line = self._coming.get(timeout=max(0.0, end - time.monotonic()))
            except Empty:
                line = None
            assert line is not None, f"no line with {words} came: {self.lines}"
            if all(word in line for word in words):
                return line

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line)
            self._coming.put(line)
        self._coming.put(None)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in set(os.environ) - set(CLEAN):
        monkeypatch.delenv(name)
    (tmp_path / "cli_dev_tasks.py").write_text(TASKS)
    (tmp_path / "sermos.yaml").write_text(QUIET)
    return tmp_path


@contextmanager
def dev(folder, *arguments, **variables):
    process = subprocess.Popen(
        [*PYPELINE, "dev", *(arguments or ("--no-web",))],
        cwd=folder,
        env={**CLEAN, **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    running = Dev(process)
    try:
        yield running
    finally:
        running.close()


def pypeline(*arguments):
    """A command beside it: in this process, which takes milliseconds."""
    return CliRunner().invoke(main, arguments)


def create(schedule_id, *arguments):
    done = pypeline("schedules", "create", schedule_id, *arguments)
    assert done.exit_code == 0, done.stderr
    return done


def until(condition, timeout=20.0):
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_it_says_what_it_does_and_runs_what_the_file_schedules(folder):
    (folder / "sermos.yaml").write_text(CONFIG)

    with dev(folder) as running:
        running.wait_for("Ctrl-C ends it")
        introduced = "".join(running.lines)
        running.wait_for("of-the-file", "started")
        running.wait_for("✓ of-the-file", "success")

    assert f"sqlite:///pypeline.db in {folder}" in introduced
    assert "1 of the file, 0 of users (new: of-the-file)" in introduced
    assert "in 1s" in introduced


def test_a_new_schedule_is_in_force_within_two_seconds(folder):
    with dev(folder) as running:
        running.wait_for("Ctrl-C ends it")
        made = create(
            "new",
            "--task=cli_dev_tasks.tick",
            "--every=1 second",
            "--queue=fresh",
        )
        line = running.wait_for("✓ new", "success", timeout=1 + IN_FORCE)

    assert made.stderr == ""
    assert "success in" in line


def test_a_changed_schedule_is_in_force_within_two_seconds(folder):
    with dev(folder) as running:
        running.wait_for("Ctrl-C ends it")
        create("s", "--task=cli_dev_tasks.tick", "--every=1 hour")
        pypeline("schedules", "update", "s", "--every=1 second", "--pipeline=ticks")
        running.wait_for("✓ s", timeout=1 + IN_FORCE)


@pytest.mark.parametrize("end", ["disable", "delete"])
def test_a_schedule_that_is_taken_away_starts_nothing_more(folder, end):
    with dev(folder) as running:
        running.wait_for("Ctrl-C ends it")
        for name in ("gone", "goes-on"):
            create(name, "--task=cli_dev_tasks.tick", "--every=1 second")
        running.wait_for("✓ gone")
        pypeline("schedules", end, "gone")
        # The other one tells that the scheduler has gone on for more than a second after that.
        before = len(running.lines)
        for _ in range(3):
            running.wait_for("✓ goes-on")
        late = [line for line in running.lines[before:] if "▸ gone" in line]

    assert late == []


def test_a_run_that_fails_says_why_and_where_to_look(folder):
    (folder / "sermos.yaml").write_text(
        CONFIG.replace("last: {handler: cli_dev_tasks.tick}", "last: {handler: cli_dev_tasks.fails}")
    )

    with dev(folder) as running:
        line = running.wait_for("✗ of-the-file", "failed")

    assert "last: ValueError: no luck; pypeline show " in line


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_cleanly_and_lets_what_runs_finish(folder, number):
    with dev(folder) as running:
        running.wait_for("Ctrl-C ends it")
        create("w", *WAITS)
        until((folder / "running").exists)
        running.process.send_signal(number)
        running.wait_for("Ends: waits up to 10 s for 1 run")
        (folder / "go").touch()
        line = running.wait_for("✓ w", "success")
        code = running.process.wait(20)

    assert code == 0
    assert "run" in line
    assert pypeline("schedules", "enable", "w").stderr.startswith("warning: no scheduler runs")


def test_what_a_killed_one_left_is_gone_on_with(folder):
    with dev(folder) as first:
        first.wait_for("Ctrl-C ends it")
        create("w", *WAITS)
        until((folder / "running").exists)
        first.process.kill()
        first.process.wait()
    (folder / "go").touch()

    with dev(folder) as second:
        second.wait_for("Goes on with 1 run of a process that is gone")
        second.wait_for("✓ w", "success")


def test_a_second_ctrl_c_leaves_at_once(folder):
    with dev(folder) as running:
        running.wait_for("Ctrl-C ends it")
        create("w", *WAITS)
        until((folder / "running").exists)
        running.process.send_signal(signal.SIGINT)
        running.wait_for("Ctrl-C leaves at once")
        running.process.send_signal(signal.SIGINT)

        assert running.process.wait(20) == 130


def test_a_run_that_a_user_left_is_the_users(folder):
    """Only what schedules started is gone on with: nobody else's runs begin by themselves."""
    process = subprocess.Popen(
        [sys.executable, "-c", START_AND_DIE], cwd=folder, env=CLEAN, stdout=subprocess.PIPE, text=True
    )
    run_id = process.communicate(timeout=60)[0].strip()

    with dev(folder) as running:
        running.wait_for("Ctrl-C ends it")
        create("new", "--task=cli_dev_tasks.tick", "--every=1 second")
        running.wait_for("✓ new")

    assert json.loads(pypeline("show", run_id, "--json").stdout)["state"] == "pending"


def test_the_api_runs_pipelines_in_the_same_process(folder):
    with dev(folder, "--bind", "127.0.0.1:0") as running:
        api = running.wait_for("api ", "http://127.0.0.1:").split()[-1]
        running.wait_for("Ctrl-C ends it")
        invoked = call(f"{api}/pipelines/invoke/ticks", body={"chain_payload": {"n": 7}})
        running.wait_for("✓ api", "success")
        results = call(f"{api}/pipelines/results/{invoked.json['execution_id']}")
        running.process.terminate()
        code = running.process.wait(20)

    assert invoked.status == 202
    assert results.json["result"] == 7
    assert results.headers["Server"] == "pypeline"
    assert code == 0


def test_a_port_that_is_taken_is_told_and_the_rest_goes_on(folder):
    (folder / "sermos.yaml").write_text(CONFIG)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with dev(folder, "--bind", address) as running:
            line = running.wait_for("the API is left out")
            running.wait_for("✓ of-the-file", "success")
        introduced = [line for line in running.lines if line.startswith("api ")]

    assert line == (
        f"warning: the API is left out: {address}: Address already in use; --bind names another address\n"
    )
    assert introduced == []


def test_without_flask_the_rest_goes_on(folder):
    (folder / "flask.py").write_text("raise ModuleNotFoundError(\"No module named 'flask'\", name='flask')\n")

    with dev(folder, "--bind", "127.0.0.1:0", PYTHONPATH=str(folder)) as running:
        line = running.wait_for("the API is left out")
        running.wait_for("Ctrl-C ends it")

    assert "pip install 'pypeline[flask]'" in line


def test_an_address_that_others_reach_is_refused_without_keys(folder):
    done = pypeline("dev", "--bind", "0.0.0.0:0")

    assert done.exit_code == 2
    assert done.stderr.startswith("error: PYPELINE_ACCESS_KEYS: is not set")


def test_with_a_broker_it_is_refused(folder, monkeypatch):
    monkeypatch.setenv("PYPELINE_BROKER_URL", "amqp://127.0.0.1:1//")
    monkeypatch.setenv("PYPELINE_DATABASE_URL", "sqlite:///p.db")

    done = pypeline("dev")

    assert done.exit_code == 2
    assert done.stderr.startswith(
        "error: dev is a worker and a scheduler in one process, but a broker is set"
    )
    assert done.stderr.count("\n") == 1


def test_a_handler_that_cannot_be_imported_is_told_at_once(folder):
    (folder / "cli_dev_tasks.py").write_text("import no_such_package\n")

    with dev(folder) as running:
        running.wait_for("no_such_package")
        code = running.process.wait(20)

    assert code == 2
    assert "Traceback" not in "".join(running.lines)
