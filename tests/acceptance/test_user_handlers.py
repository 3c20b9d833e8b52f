"""Handlers that misbehave, through the real command: the attempt ends cleanly, and the process lives."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

PYPELINE = [sys.executable, "-m", "pypeline.cli"]
CLEAN = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("PYPELINE_", "CELERY_", "SERMOS_"))
}
TASKS = """
import os, pathlib, subprocess, sys

class Mute(Exception):
    def __repr__(self): raise RuntimeError
    __str__ = __repr__

def a_set(event): return {1, 2}
def not_a_number(event): return {"x": float("nan")}
def large(event): return "x" * 1_000_000
def mute(event): raise Mute
def leaves(event): sys.exit(3)
def interrupts(event): raise KeyboardInterrupt
def recurses(event): return recurses(event)
def loops(event):
    while True: pass
def prints(event):
    for _ in range(10_000): print("y" * 9_999)
    return "printed"
def a_child_prints(event):
    print("from the handler", flush=True)
    subprocess.run([sys.executable, "-c", "print('from a child')"], check=True)
    os.write(1, b"from the descriptor\\n")
    return "printed"
async def waits_for_nothing(event): return "async"
class Namespace:
    def method(self, event): return "method"
def dies_once(event):
    flag = pathlib.Path("died")
    if flag.exists(): return "second life"
    flag.touch()
    os._exit(9)
def waits_long(event):
    import threading
    from pypeline import RetryLater
    threading.Timer(0.7, os._exit, (9,)).start()
    raise RetryLater(3600)
def before(event):
    with open("before.txt", "a") as file: file.write("x")
def mended(event):
    if not os.path.exists("mended"): raise ValueError("not yet")
"""
ENDINGS = {
    "a_set": ("failed", "ResultNotJson"),
    "not_a_number": ("failed", "ResultNotJson"),
    "large": ("failed", "ResultTooLarge"),
    "mute": ("failed", "Mute"),
    "leaves": ("failed", "SystemExit"),
    "interrupts": ("failed", "KeyboardInterrupt"),
    "recurses": ("failed", "RecursionError"),
    "loops": ("failed", "TimeLimitExceeded"),
    "prints": ("success", None),
    "a_child_prints": ("success", None),
    "waits_for_nothing": ("success", None),
    "Namespace.method": ("success", None),
}


def definition(*nodes, adjacency=None):
    return {
        "config": {
            "metadata": {"queue": "q", "maxRetry": 0},
            "dagAdjacency": adjacency or {node: [] for node in nodes},
            "taskDefinitions": {
                node: {"handler": f"user_handlers_tasks.{node}", **({"maxTtl": 1} if node == "loops" else {})}
                for node in nodes
            },
        }
    }


@pytest.fixture
def pypeline(tmp_path):
    pipelines = {
        "all": definition(*ENDINGS),
        "dies": definition("before", "dies_once", adjacency={"before": ["dies_once"]}),
        "dies_waiting": definition("waits_long"),
        "mends": definition("before", "mended", adjacency={"before": ["mended"]}),
    }
    (tmp_path / "user_handlers_tasks.py").write_text(TASKS)
    (tmp_path / "sermos.yaml").write_text(json.dumps({"pipelines": pipelines}))

    def command(*args):
        return subprocess.run(
            [*PYPELINE, *args],
            cwd=tmp_path,
            env=CLEAN,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    command.folder = tmp_path
    return command


def newest(pypeline):
    return json.loads(pypeline("runs", "--json").stdout)["runs"][0]["execution_id"]


def test_twelve_handlers_that_misbehave_in_one_run_each_end_as_said_and_stdout_is_one_document(pypeline):
    answer = pypeline("run", "all", "--json")

    document = json.loads(answer.stdout)
    ended = {node["node"]: (node["state"], (node["error"] or {}).get("type")) for node in document["nodes"]}
    assert answer.returncode == 1
    assert "Traceback" not in answer.stderr
    assert document["state"] == "failed"
    assert ended == ENDINGS


def test_a_handler_that_ends_the_process_leaves_a_run_that_retry_takes_over(pypeline):
    assert pypeline("run", "dies").returncode == 9

    answer = pypeline("retry", newest(pypeline), "--json")

    nodes = {node["node"]: node for node in json.loads(answer.stdout)["nodes"]}
    assert answer.returncode == 0
    assert nodes["dies_once"]["result"] == "second life"
    assert nodes["dies_once"]["tries"] == 0
    assert (pypeline.folder / "before.txt").read_text() == "x"


def test_a_failed_run_succeeds_once_its_handler_is_mended_and_keeps_what_had_succeeded(pypeline):
    assert pypeline("run", "mends").returncode == 1
    (pypeline.folder / "mended").touch()

    answer = pypeline("retry", newest(pypeline), "--json")

    assert answer.returncode == 0
    assert json.loads(answer.stdout)["state"] == "success"
    assert (pypeline.folder / "before.txt").read_text() == "x"


def test_cancel_ends_a_run_that_waits_to_try_again_and_whose_process_is_gone(pypeline):
    assert pypeline("run", "dies_waiting").returncode == 9
    run = newest(pypeline)

    answer = pypeline("cancel", run)

    assert answer.returncode == 0, answer.stderr
    assert json.loads(pypeline("show", run, "--json").stdout)["state"] == "cancelled"
