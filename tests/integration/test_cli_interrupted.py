"""Signals while a run goes on in a real process, and what comes after it."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time

import pytest

TASKS = """
import os, pathlib, time

def first(event):
    with open("first.txt", "a") as file:
        file.write("x")
    return 1

def waits(event, tools):
    pathlib.Path("running").touch()
    while not os.path.exists("go"):
        if tools.cancelled and not event.get("stubborn"):
            return "stopped"
        time.sleep(0.02)
    return 2
"""
CONFIG = """
pipelines:
  waits:
    config:
      metadata: {queue: q, maxRetry: 0}
      dagAdjacency: {first: [waits], waits: [last]}
      taskDefinitions:
        first: {handler: cli_interrupted_tasks.first}
        waits: {handler: cli_interrupted_tasks.waits}
        last: {handler: cli_interrupted_tasks.first}
"""
CLEAN = {
    name: value
    for name, value in os.environ.items()
    if name != "COLUMNS" and not name.startswith(("PYPELINE_", "CELERY_", "SERMOS_"))
}
PYPELINE = [sys.executable, "-m", "pypeline.cli"]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "cli_interrupted_tasks.py").write_text(TASKS)
    (tmp_path / "sermos.yaml").write_text(CONFIG)
    return tmp_path


@pytest.fixture
def started(folder):
    """Start the run, and wait until its second node runs."""
    processes = []

    def start(*arguments):
        command = [*PYPELINE, "run", "waits", *arguments]
        process = subprocess.Popen(
            command, cwd=folder, env=CLEAN, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        processes.append(process)
        _until((folder / "running").exists)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def pypeline(folder):
    def call(*arguments):
        return subprocess.run(
            [*PYPELINE, *arguments],
            cwd=folder,
            env=CLEAN,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return call


def test_ctrl_c_cancels_and_says_how_to_go_on(started, pypeline):
    process = started()

    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)

    assert process.returncode == 1
    assert "Cancelling: waits for 1 that still run" in err
    assert "pypeline retry " in err
    assert "cancelled" in out.splitlines()[0]


def test_a_cancelled_run_with_json_prints_its_document(started):
    process = started("--json")

    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)

    document = json.loads(out)
    assert process.returncode == 1
    assert (document["state"], document["cancel_requested"]) == ("cancelled", True)


def test_a_second_ctrl_c_leaves_at_once_and_the_run_can_be_taken_over(started, folder, pypeline):
    process = started("--payload", '{"stubborn": true}')

    process.send_signal(signal.SIGINT)
    _read_until(process.stderr, "Cancelling")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=10)

    assert process.returncode == 130
    assert out == ""
    assert "goes on with it" in err


def test_sigterm_leaves_the_run_to_whoever_takes_it_over(started, folder, pypeline):
    process = started("--payload", '{"stubborn": true}')

    process.terminate()
    _, err = process.communicate(timeout=20)
    (folder / "go").touch()
    again = pypeline("retry", _run_id(pypeline), "--json")

    assert process.returncode == 143
    assert "goes on with it" in err
    assert again.returncode == 0, again.stderr
    assert (folder / "first.txt").read_text() == "xx", "the first node ran once, the last once"


def test_a_killed_run_is_taken_over_and_finished(started, folder, pypeline):
    process = started()

    process.kill()
    process.wait()
    shown = pypeline("show", _run_id(pypeline)[:8])
    watched = pypeline("show", _run_id(pypeline)[:8], "--watch")
    (folder / "go").touch()
    again = pypeline("retry", _run_id(pypeline)[:8])

    assert "takes it over: its process is gone" in shown.stdout
    assert watched.returncode == 1
    assert "The process that ran it is gone" in watched.stderr
    assert again.returncode == 0, again.stderr
    assert "success" in again.stdout.splitlines()[0]
    assert (folder / "first.txt").read_text() == "xx"


def test_a_run_that_is_going_is_not_retried(started, pypeline):
    started()

    done = pypeline("retry", _run_id(pypeline))

    assert done.returncode == 2
    assert "it is still going, in process" in done.stderr


def test_a_run_is_cancelled_from_another_process(started, pypeline):
    process = started()

    done = pypeline("cancel", _run_id(pypeline))
    process.communicate(timeout=30)

    assert done.returncode == 0
    assert "is being cancelled: 1 still run and may finish" in done.stdout
    assert process.returncode == 1


def test_a_run_whose_process_is_gone_is_cancelled_at_once(started, pypeline):
    process = started()
    process.kill()
    process.wait()

    done = pypeline("cancel", _run_id(pypeline))

    assert done.returncode == 0
    assert done.stdout.endswith("is cancelled.\n")


def test_a_run_is_watched_from_another_process_until_it_ends(started, folder):
    process = started()
    command = [*PYPELINE, "show", "--watch", "--json", _run_id_of(process)]

    watching = subprocess.Popen(command, cwd=folder, env=CLEAN, stdout=subprocess.PIPE, text=True)
    (folder / "go").touch()
    out, _ = watching.communicate(timeout=30)

    assert watching.returncode == 0
    assert json.loads(out)["state"] == "success"


def test_who_watches_may_leave(started, folder):
    process = started()
    command = [*PYPELINE, "show", "--watch", _run_id_of(process)]

    watching = subprocess.Popen(command, cwd=folder, env=CLEAN, stderr=subprocess.PIPE, text=True)
    _read_until(watching.stderr, "running")
    watching.send_signal(signal.SIGINT)
    _, err = watching.communicate(timeout=30)

    assert watching.returncode == 130
    assert "Traceback" not in err
    assert process.poll() is None


def _run_id(pypeline):
    return json.loads(pypeline("runs", "--json").stdout)["runs"][0]["execution_id"]


def _run_id_of(process):
    return process.stderr.readline().split()[-1]


def _read_until(stream, word):
    read = ""
    give_up = time.monotonic() + 30
    while word not in read:
        assert time.monotonic() < give_up, read
        if select.select([stream], [], [], 1)[0]:
            read += os.read(stream.fileno(), 1000).decode()


def _until(condition):
    give_up = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.02)
