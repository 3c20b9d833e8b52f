"""What a run inside one process publishes: that process does it, and does not end before."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from celery_fakes import wait_until

TASKS = """
import pathlib, time
import pypeline

HERE = pathlib.Path(__file__).parent

def begin(event, tools):
    return [
        tools.publish("cli_publishing_tasks.work", {"n": 1}, queue="read-by-nobody"),
        pypeline.publish("cli_publishing_tasks.begin_more", {}),
        tools.publish("cli_publishing_tasks.work", {"n": 2}, track=False),
    ]

def begin_more(event, tools):
    time.sleep(0.3)
    tools.publish_in_batches("cli_publishing_tasks.work", [3, 4], None, "n", max_per_task=1)

def work(event):
    time.sleep(0.3)
    (HERE / "done").open("a").write(f"{event['n']} {event['lang']}\\n")

def publish_wait(event, tools):
    return tools.publish("cli_publishing_tasks.wait", {})

def wait(event, tools):
    (HERE / "waits").touch()
    while not tools.cancelled:
        time.sleep(0.02)

def plain(event):
    return 1

def publish_missing(event, tools):
    tools.publish("cli_publishing_tasks.missing", {})
"""
PIPELINES = ("begin", "publish_wait", "publish_missing", "plain")
CONFIG = (
    """
serviceConfig:
  - name: all
    registeredTasks:
      - {handler: cli_publishing_tasks.work, event: {lang: en}}
      - {handler: cli_publishing_tasks.begin_more}
      - {handler: cli_publishing_tasks.wait}
      - {handler: cli_publishing_tasks.missing}
"""
    + "".join(f"      - {{handler: cli_publishing_tasks.{name}}}\n" for name in PIPELINES)
    + "pipelines:\n"
    + "".join(
        f"""  {name}:
    config:
      metadata: {{queue: q, maxRetry: 0}}
      dagAdjacency: {{{name}: []}}
      taskDefinitions: {{{name}: {{handler: cli_publishing_tasks.{name}}}}}
"""
        for name in PIPELINES
    )
)
CLEAN = {
    name: value
    for name, value in os.environ.items()
    if name != "COLUMNS" and not name.startswith(("PYPELINE_", "CELERY_", "SERMOS_"))
}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "cli_publishing_tasks.py").write_text(TASKS)
    (tmp_path / "sermos.yaml").write_text(CONFIG)
    return tmp_path


def started(folder, *arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "pypeline.cli", *arguments],
        cwd=folder,
        env=CLEAN,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def call(folder, *arguments):
    process = started(folder, *arguments)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def states(folder):
    _, out, _ = call(folder, "runs", "--json")
    return {run["pipeline_id"].rpartition(".")[2]: run["state"] for run in json.loads(out)["runs"]}


def test_a_run_ends_when_all_that_was_published_has_ended_whatever_its_queue(folder):
    code, out, err = call(folder, "run", "begin", "--json")

    assert code == 0, err
    assert json.loads(out)["pipeline_id"] == "begin"
    assert sorted((folder / "done").read_text().splitlines()) == ["1 en", "2 en", "[3] en", "[4] en"]
    assert states(folder) == {"begin": "success", "begin_more": "success", "work": "success"}
    assert "Waits for the tasks that it published; Ctrl-C cancels them." in err


def test_what_published_nothing_waits_for_nothing(folder):
    errors = [call(folder, "run", "plain", "--json")[2] for _ in range(4)]

    assert not any("Waits for" in error for error in errors)


def test_the_patience_for_a_run_is_that_for_what_it_published_too(folder):
    code, _, err = call(folder, "run", "publish_wait", "--timeout", "3")

    assert code == 0, err
    assert "Cancelled the published tasks that did not end in time." in err
    assert states(folder) == {"publish_wait": "success", "wait": "cancelled"}


def test_ctrl_c_cancels_what_was_published_and_waits_for_what_hears_of_it(folder):
    process = started(folder, "run", "publish_wait")
    wait_until((folder / "waits").exists, timeout=30)
    wait_until(lambda: states(folder)["publish_wait"] == "success", timeout=30)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)

    assert process.returncode == 0, err
    assert states(folder)["wait"] in ("success", "cancelled")


def test_what_nobody_could_do_is_refused_where_it_is_published(folder):
    code, _, err = call(folder, "run", "publish_missing", "--json")

    assert code == 1
    assert "HandlerMissing: handler cli_publishing_tasks.missing cannot be used" in err
    assert states(folder) == {"publish_missing": "failed"}
