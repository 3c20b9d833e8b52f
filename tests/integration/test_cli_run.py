"""`pypeline run` as users start it: a process, its streams, its exit codes."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import sqlite3
import subprocess
import sys
import termios

import pytest

TASKS = """
import os, subprocess, sys, time

def numbers(event):
    return list(range(event.get("n", 4)))

def square(event):
    if event["item"] == event.get("bad"):
        raise ValueError(f"item {event['item']} is bad")
    return event["item"] ** 2

def total(event, squares):
    return {"total": sum(squares), "file": "somewhere/report.json"}

def loud(event):
    print("printed by a handler")
    sys.stdout.write("written by a handler\\n")
    subprocess.run(["echo", "echoed by a subprocess"])
    os.write(1, b"written to the descriptor\\n")
    return "quiet"

def sleeps(event):
    time.sleep(30)

def fails(event):
    raise KeyError("text")
"""
CONFIG = """
pipelines:
  squares:
    config:
      metadata: {queue: q, maxRetry: 0}
      dagAdjacency: {numbers: [squares], squares: [total]}
      taskDefinitions:
        numbers: {handler: cli_run_tasks.numbers}
        squares: {handler: cli_run_tasks.square, forEach: numbers}
        total: {handler: cli_run_tasks.total}
  loud:
    config: {metadata: {queue: q}, dagAdjacency: {a: []}, taskDefinitions: {a: {handler: cli_run_tasks.loud}}}
  sleeps:
    config:
      metadata: {queue: q}
      dagAdjacency: {a: [b]}
      taskDefinitions: {a: {handler: cli_run_tasks.sleeps}, b: {handler: cli_run_tasks.loud}}
  fails:
    config:
      metadata: {queue: q, maxRetry: 0}
      dagAdjacency: {a: [b]}
      taskDefinitions: {a: {handler: cli_run_tasks.fails}, b: {handler: cli_run_tasks.loud}}
"""
ERASED_LINE = "\x1b[2K"
SHOWN_CURSOR = "\x1b[?25h"
CLEAN = {
    name: value
    for name, value in os.environ.items()
    if name != "COLUMNS" and not name.startswith(("PYPELINE_", "CELERY_", "SERMOS_"))
}
KEYS = {
    "execution_id",
    "pipeline_id",
    "state",
    "trigger",
    "cancel_requested",
    "created_at",
    "started_at",
    "finished_at",
    "payload",
    "counts",
    "error",
    "nodes",
}
NODE_KEYS = {
    "node",
    "index",
    "state",
    "attempt",
    "tries",
    "why",
    "queue",
    "queued_at",
    "started_at",
    "finished_at",
    "worker",
    "progress",
    "result",
    "error",
}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "cli_run_tasks.py").write_text(TASKS)
    (tmp_path / "sermos.yaml").write_text(CONFIG)
    return tmp_path


@pytest.fixture
def pypeline(folder):
    def call(*arguments, **variables):
        return subprocess.run(
            [sys.executable, "-m", "pypeline.cli", *arguments],
            cwd=folder,
            env={**CLEAN, **variables},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return call


def test_a_run_ends_in_a_table_the_result_and_code_0(pypeline):
    done = pypeline("run", "squares")

    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("✓ squares  success in ")
    assert [line.split()[1] for line in lines if " success " in line][1:] == ["numbers", "squares", "total"]
    assert '  file   "somewhere/report.json"' in lines


def test_in_a_terminal_progress_is_drawn_and_gone_at_the_end(folder):
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (12, 60))
    command = [sys.executable, "-m", "pypeline.cli", "run", "squares"]
    environment = {**CLEAN, "TERM": "xterm", "PYTHONUTF8": "1"}

    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = _read_all(ours)

    assert process.wait(timeout=30) == 0
    drawing, _, table = shown.rpartition(ERASED_LINE)
    assert SHOWN_CURSOR in shown
    assert re.search(r"\d of \d", drawing)
    assert "somewhere/report.json" in table
    assert "squares: run" not in shown, "lines are for what is no terminal"


def test_the_run_is_named_before_it_runs(pypeline):
    done = pypeline("run", "squares")

    assert done.stderr.splitlines()[0].startswith("squares: run ")


def test_the_document_is_that_of_the_contract(pypeline):
    done = pypeline("run", "squares", "--payload", '{"n": 2}', "--json")

    document = json.loads(done.stdout)
    assert done.returncode == 0
    assert set(document) == KEYS
    assert all(set(node) == NODE_KEYS for node in document["nodes"])
    assert (document["state"], document["trigger"], document["payload"]) == ("success", "cli", {"n": 2})
    assert [(node["node"], node["index"]) for node in document["nodes"]] == [
        ("numbers", None),
        ("squares", None),
        ("squares", 0),
        ("squares", 1),
        ("total", None),
    ]
    assert document["nodes"][1]["result"] == [0, 1]


def test_what_handlers_and_their_subprocesses_write_stays_out_of_the_document(pypeline):
    done = pypeline("run", "loud", "--json")

    assert json.loads(done.stdout)["nodes"][0]["result"] == "quiet"
    assert "echoed by a subprocess" in done.stderr
    assert "written to the descriptor" in done.stderr


def test_a_failed_run_tells_which_node_why_and_where(pypeline):
    done = pypeline("run", "fails")

    assert done.returncode == 1
    assert "a  KeyError: 'text'" in done.stdout
    line = TASKS.splitlines().index('    raise KeyError("text")') + 1
    assert f"cli_run_tasks.py:{line} in fails" in done.stdout
    assert "pypeline retry " in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_failed_run_with_json_has_its_document_and_a_line_for_people(pypeline):
    done = pypeline("run", "fails", "--json")

    document = json.loads(done.stdout)
    assert done.returncode == 1
    assert [node["state"] for node in document["nodes"]] == ["failed", "skipped"]
    assert f"error: run {document['execution_id']} failed: a: KeyError: 'text'" in done.stderr


def test_failed_items_are_told_by_their_index(pypeline):
    done = pypeline("run", "squares", "--payload", '{"bad": 2}')

    assert done.returncode == 1
    assert "squares[2]  ValueError: item 2 is bad" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing"], "no pipeline 'nothing'; the configuration has: fails, loud"),
        (["squares", "--no-wait"], "--no-wait needs a broker"),
        (["squares", "--config", "elsewhere.yaml"], "no sermos.yaml at elsewhere.yaml"),
        (["squares", "--payload", "[]"], "a payload is a JSON object, not a list"),
    ],
)
def test_bad_input_is_told_before_anything_runs(pypeline, folder, arguments, said):
    done = pypeline("run", *arguments, "--json")

    assert done.returncode == 2
    assert done.stdout == ""
    assert said in done.stderr
    assert not _runs(folder)


def test_a_handler_that_cannot_be_used_is_told_before_anything_runs(pypeline, folder):
    (folder / "cli_run_tasks.py").write_text("import no_such_package")

    done = pypeline("run", "squares")

    assert done.returncode == 2
    assert "error: node numbers: handler cli_run_tasks.numbers: " in done.stderr
    assert "no_such_package" in done.stderr
    assert not _runs(folder)


def test_a_handler_that_no_service_registers_is_told(pypeline, folder):
    pipeline = CONFIG.partition("  loud:")[0].replace("forEach:", "queue: other, forEach:")
    services = (
        "serviceConfig: [{name: one, registeredTasks: "
        "[{handler: cli_run_tasks.numbers}, {handler: cli_run_tasks.total}]}, "
        "{name: two, registeredTasks: [{handler: cli_run_tasks.square}]}]"
    )
    (folder / "sermos.yaml").write_text(services + pipeline)

    done = pypeline("run", "squares", WORKER_NAME="one")

    assert done.returncode == 2
    assert "cli_run_tasks.square is not among the registeredTasks of one in sermos.yaml" in done.stderr


def test_a_broken_file_is_told_with_the_place_of_each_fault(pypeline, folder):
    (folder / "sermos.yaml").write_text(CONFIG.replace("forEach: numbers", "forEach: nothing"))

    done = pypeline("run", "squares")

    assert done.returncode == 2
    assert "sermos.yaml:9:" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: the configuration has 1 fault; ")


def test_a_database_that_cannot_be_reached_is_code_3(pypeline):
    done = pypeline("run", "squares", PYPELINE_DATABASE_URL="sqlite:////no/such/folder/runs.db")

    assert done.returncode == 3
    assert done.stderr.startswith("error: database sqlite:////no/such/folder/runs.db")
    assert done.stderr.count("\n") == 1


def test_a_run_that_takes_too_long_is_cancelled_with_code_4(pypeline):
    done = pypeline("run", "sleeps", "--timeout", "1", "--json")

    document = json.loads(done.stdout)
    assert done.returncode == 4
    assert document["cancel_requested"]
    assert document["state"] == "cancelled"
    assert f"run {document['execution_id']} did not end within 1 s and was cancelled" in done.stderr


def test_a_reader_who_has_seen_enough_ends_nothing(pypeline, folder):
    command = f"{sys.executable} -m pypeline.cli run fails 2>errors | true; echo ${{PIPESTATUS[0]}}"

    done = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, check=False)

    assert done.stdout == "1\n"
    assert "Broken" not in (folder / "errors").read_text()
    assert [state for (state,) in _runs(folder)] == ["failed"]


def test_a_reader_of_a_list_may_leave_too(pypeline, folder):
    command = f"{sys.executable} -m pypeline.cli schema 2>errors | true; echo ${{PIPESTATUS[0]}}"

    done = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, check=False)

    assert done.stdout == "0\n"
    assert (folder / "errors").read_text() == ""


def test_a_traceback_is_shown_on_request(pypeline):
    done = pypeline("run", "nothing", PYPELINE_TRACEBACK="1")

    assert "Traceback" in done.stderr
    assert "UnknownPipeline" in done.stderr


def _read_all(descriptor):
    """What is written to a terminal until its last writer closes it, which Linux tells by an error."""
    read = b""
    with contextlib.suppress(OSError):
        while piece := os.read(descriptor, 10_000):
            read += piece
    os.close(descriptor)
    return read.decode()


def _runs(folder):
    if not (folder / "pypeline.db").exists():
        return []
    with sqlite3.connect(folder / "pypeline.db") as database:
        found = database.execute("SELECT state FROM pypeline_run").fetchall()
    database.close()
    return found
