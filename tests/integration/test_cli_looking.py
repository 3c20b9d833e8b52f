"""What users see of runs afterwards: runs, show, cancel, retry, db."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from pypeline.cli import main
from pypeline.store.schema import CODE_LEVEL

TASKS = """
import pathlib

def numbers(event):
    return list(range(event.get("n", 3)))

def check(event, tools):
    tools.log.warning("looks at %s", event["item"])
    print("printed for", event["item"])
    if event["item"] == 1 and not pathlib.Path("mended").exists():
        raise ValueError(f"item {event['item']} is bad")
    return {"item": event["item"], "text": "t" * 300}

def end(event):
    return "the end"
"""
CONFIG = """
pipelines:
  checks:
    config:
      metadata: {queue: q, maxRetry: 1, retryBackoff: 0}
      dagAdjacency: {numbers: [check], check: [end]}
      taskDefinitions:
        numbers: {handler: cli_looking_tasks.numbers}
        check: {handler: cli_looking_tasks.check, forEach: numbers}
        end: {handler: cli_looking_tasks.end}
  ends:
    config:
      metadata: {queue: q}
      dagAdjacency: {end: []}
      taskDefinitions: {end: {handler: cli_looking_tasks.end}}
"""
CLEAN = {
    name: value
    for name, value in os.environ.items()
    if name != "COLUMNS" and not name.startswith(("PYPELINE_", "CELERY_", "SERMOS_"))
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a run that failed and, newer, one that succeeded; with their ids."""
    folder = tmp_path_factory.mktemp("looking")
    (folder / "cli_looking_tasks.py").write_text(TASKS)
    (folder / "sermos.yaml").write_text(CONFIG)
    ids = {
        name: json.loads(call(folder, "run", name, "--json").stdout)["execution_id"]
        for name in ("checks", "ends")
    }
    return folder, ids


@pytest.fixture
def folder(made, monkeypatch):
    monkeypatch.chdir(made[0])
    for name in set(os.environ) - set(CLEAN):
        monkeypatch.delenv(name)
    return made[0]


@pytest.fixture
def ids(made):
    return made[1]


def call(folder, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "pypeline.cli", *arguments],
        cwd=folder,
        env=CLEAN,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def invoke(*arguments, **options):
    return CliRunner(**options).invoke(main, arguments)


def test_runs_are_listed_newest_first(folder, ids):
    lines = invoke("runs").stdout.splitlines()

    assert [line.split()[:4] for line in lines[1:]] == [
        ["✓", ids["ends"], "ends", "success"],
        ["✗", ids["checks"], "checks", "failed"],
    ]


@pytest.mark.parametrize(
    ("options", "listed"),
    [
        (["--limit", "1"], ["ends"]),
        (["--pipeline", "checks"], ["checks"]),
        (["--state", "failed"], ["checks"]),
        (["--state", "failed", "--state", "success"], ["ends", "checks"]),
        (["--state", "running"], []),
    ],
)
def test_runs_are_chosen(folder, options, listed):
    document = json.loads(invoke("runs", "--json", *options).stdout)

    assert [run["pipeline_id"] for run in document["runs"]] == listed
    assert all("nodes" not in run for run in document["runs"])


def test_the_next_page_begins_after_a_run(folder, ids):
    page = json.loads(invoke("runs", "--json", "--limit", "1").stdout)
    after = json.loads(invoke("runs", "--json", "--after", page["next"][:8]).stdout)

    assert [run["execution_id"] for run in after["runs"]] == [ids["checks"]]


def test_an_empty_list_says_how_it_fills(folder):
    done = invoke("runs", "--state", "running")

    assert (done.exit_code, done.stdout) == (0, "")
    assert "`pypeline run PIPELINE` starts one" in done.stderr


def test_a_run_is_shown_by_the_beginning_of_its_id(folder, ids):
    done = invoke("show", ids["ends"][:8])

    assert done.exit_code == 0
    assert done.stdout.splitlines()[0].endswith(ids["ends"])


def test_a_failed_run_is_shown_with_its_attempts_and_logs(folder, ids):
    shown = invoke("show", ids["checks"]).stdout

    assert "check[1]  ValueError: item 1 is bad" in shown
    assert [line.split()[1] for line in shown.splitlines() if line.startswith("check[1]  ")][1:] == ["1", "2"]
    assert "log of check[1], attempt 2" in shown
    assert "printed for 1" in shown


def test_a_node_is_shown_in_full(folder, ids):
    shown = invoke("show", ids["checks"], "--node", "check[1]").stdout

    assert "log of attempt 1" in shown
    assert "log of attempt 2" in shown
    assert "looks at 1" in shown
    assert 'raise ValueError(f"item' in shown


def test_the_result_of_an_item_is_shown_whole(folder, ids):
    shown = invoke("show", ids["checks"], "--node", "check[2]").stdout

    assert f'"text": "{"t" * 300}"' in shown


def test_the_result_of_a_node_is_shown_whole(folder, ids):
    assert invoke("show", ids["checks"], "--node", "numbers").stdout.endswith("result\n[0, 1, 2]\n")


def test_an_unknown_node_is_told_with_those_that_are_there(folder, ids):
    done = invoke("show", ids["checks"], "--node", "check[99]")

    assert done.exit_code == 2
    assert "has no node 'check[99]'; it has: numbers, check, end" in done.stderr


def test_the_document_of_a_run_is_what_run_printed(folder, ids):
    document = json.loads(invoke("show", ids["checks"], "--json").stdout)

    assert document["state"] == "failed"
    assert [node["state"] for node in document["nodes"]] == [
        "success",
        "failed",
        "success",
        "failed",
        "success",
        "skipped",
    ]


@pytest.mark.parametrize("command", ["show", "cancel", "retry"])
@pytest.mark.parametrize("run", ["00000000-0000-4000-8000-000000000000", "nothing", "\udcff"])
def test_an_unknown_run_is_told(folder, command, run):
    done = invoke(command, run)

    assert done.exit_code == 2
    assert done.stderr == f"error: no run {run!r}; `pypeline runs` lists them\n"


def test_an_id_that_several_runs_begin_with_is_refused(folder, ids):
    done = invoke("show", "")

    assert done.exit_code == 2
    assert "begins the ids of several runs" in done.stderr


def test_a_finished_run_is_not_cancelled(folder, ids):
    done = invoke("cancel", ids["ends"])

    assert done.exit_code == 0
    assert done.stdout == f"Run {ids['ends']} had already ended: success.\n"


def test_one_node_as_json_is_refused(folder, ids):
    assert invoke("show", ids["ends"], "--json", "--node", "end").exit_code == 2


def test_a_run_of_success_has_nothing_to_retry(folder, ids):
    done = call(folder, "retry", ids["ends"])

    assert done.returncode == 2
    assert done.stderr.startswith(f"error: run {ids['ends']}: nothing in it failed")
    assert "--from NODE" in done.stderr


def test_a_retry_from_an_unknown_node_is_told(folder, ids):
    done = call(folder, "retry", ids["ends"], "--from", "start")

    assert done.returncode == 2
    assert "has no node 'start'; it has: end" in done.stderr


def test_a_retry_from_a_node_does_it_and_what_follows_again(folder, ids):
    done = call(folder, "retry", ids["ends"][:8], "--from", "end", "--json")

    (node,) = json.loads(done.stdout)["nodes"]
    assert done.returncode == 0, done.stderr
    assert (node["state"], node["attempt"]) == ("success", 2)


def test_a_shell_is_offered_the_runs(folder, ids):
    environment = {"_PYPELINE_COMPLETE": "bash_complete", "COMP_WORDS": "pypeline show ", "COMP_CWORD": "2"}

    done = CliRunner(env=environment).invoke(main, [], prog_name="pypeline")

    assert set(done.stdout.split()) == {f"plain,{ids['ends']}", f"plain,{ids['checks']}"}


def test_the_database_says_where_it_stands(folder):
    assert invoke("db", "current").stdout == f"The database is at schema level {CODE_LEVEL}.\n"
    assert invoke("db", "upgrade").stdout == f"The database is at schema level {CODE_LEVEL}.\n"


def test_an_empty_database_is_upgraded(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("PYPELINE_DATABASE_URL", f"sqlite:///{tmp_path / 'new.db'}")

    assert "`pypeline db upgrade` creates them" in invoke("db", "current").stdout
    assert invoke("db", "upgrade").exit_code == 0
    assert "schema level" in invoke("db", "current").stdout


def test_a_database_that_is_not_there_is_code_3(folder, monkeypatch):
    monkeypatch.setenv("PYPELINE_DATABASE_URL", "sqlite:////no/such/folder/runs.db")

    done = invoke("runs")

    assert done.exit_code == 3
    assert done.stderr.count("\n") == 1


def test_a_mended_handler_finishes_a_failed_run(folder, ids):
    (folder / "mended").touch()

    done = call(folder, "retry", ids["checks"])

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].startswith("✓ checks  success")
