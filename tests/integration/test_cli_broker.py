"""`pypeline` through RabbitMQ and PostgreSQL: commands here, a worker there."""

from __future__ import annotations

import json
import signal
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from celery_fakes import wait_until
from cli_stage import RABBITMQ, Stage, require_broker
from services import free_port, private_postgres

TASKS = """
import os, pathlib, time

def one(event):
    return 1

def add(event, one):
    return one + 1

def waits(event, tools):
    pathlib.Path(event["begun"]).touch()
    while not os.path.exists(event["go"]):
        if tools.cancelled and "stubborn" not in event:
            return "told"
        time.sleep(0.02)
    return "went"

def needs_file(event):
    return pathlib.Path(event["file"]).read_text()
"""
CONFIG = """
serviceConfig:
  - name: adder
    registeredTasks:
      - {handler: cli_broker_tasks.one}
      - {handler: cli_broker_tasks.add}
      - {handler: cli_broker_tasks.waits}
      - {handler: cli_broker_tasks.needs_file}
pipelines:
  sum:
    config:
      metadata: {queue: QUEUE}
      dagAdjacency: {one: [add]}
      taskDefinitions: {one: {handler: cli_broker_tasks.one}, add: {handler: cli_broker_tasks.add}}
  waits:
    config:
      metadata: {queue: QUEUE}
      dagAdjacency: {waits: [one]}
      taskDefinitions: {waits: {handler: cli_broker_tasks.waits}, one: {handler: cli_broker_tasks.one}}
  fails:
    config:
      metadata: {queue: QUEUE, maxRetry: 0}
      dagAdjacency: {one: [needs_file]}
      taskDefinitions:
        one: {handler: cli_broker_tasks.one}
        needs_file: {handler: cli_broker_tasks.needs_file}
  unheard:
    config:
      metadata: {queue: QUEUE-unheard}
      dagAdjacency: {one: []}
      taskDefinitions: {one: {handler: cli_broker_tasks.one}}
"""


@pytest.fixture(scope="module")
def stage(tmp_path_factory, postgres_url):
    with stage_in(tmp_path_factory.mktemp("broker"), postgres_url) as found:
        yield found


@pytest.fixture
def own_stage(tmp_path, postgres_url):
    """One whose queue the other tests' worker does not read."""
    with stage_in(tmp_path, postgres_url) as found:
        yield found


@contextmanager
def stage_in(folder, database):
    found = Stage(folder, require_broker(RABBITMQ), database)
    (folder / "cli_broker_tasks.py").write_text(TASKS)
    (folder / "sermos.yaml").write_text(CONFIG.replace("QUEUE", found.queue))
    assert found.call("db", "upgrade").returncode == 0
    yield found
    found.forget("unheard")


@pytest.fixture(scope="module")
def worker(stage):
    with stage.worker("-Q", stage.queue, "-c", "2") as process:
        yield process


@pytest.fixture
def payload(tmp_path):
    """Of a handler that touches one file, and goes on until it finds the other."""
    files = {"begun": str(tmp_path / "begun"), "go": str(tmp_path / "go")}
    yield files
    Path(files["go"]).touch()


def begun(payload):
    wait_until(Path(payload["begun"]).exists, timeout=30)


def test_a_run_is_done_by_the_workers(stage, worker):
    done = stage.call("run", "sum")

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].startswith("✓ sum  success in ")


def test_the_document_of_a_run_is_all_of_stdout(stage, worker):
    document = stage.json("run", "sum")

    assert [node["result"] for node in document["nodes"]] == [1, 2]
    assert document["state"] == "success"
    assert document["trigger"] == "cli"


def test_a_run_that_fails_is_code_1_and_can_be_retried_once_it_is_mended(stage, worker, tmp_path):
    file = tmp_path / "file"
    done = stage.call("run", "fails", "--json", "--payload", json.dumps({"file": str(file)}))
    run = json.loads(done.stdout)["execution_id"]
    file.write_text("mended")

    again = stage.call("retry", run, "--json")

    assert done.returncode == 1
    assert f"error: run {run} failed: needs_file: FileNotFoundError" in done.stderr
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["nodes"][1]["result"] == "mended"


def test_without_waiting_the_run_is_printed_as_it_was_created(stage):
    document = stage.json("run", "unheard", "--no-wait")
    text = stage.call("run", "unheard", "--no-wait").stdout

    assert (document["state"], document["nodes"][0]["state"]) == ("pending", "queued")
    assert text.startswith("· unheard  pending  run ")
    assert text.count("\n") == 1


def test_a_queue_that_nobody_reads_is_why_a_node_waits(stage, worker):
    document = stage.json("run", "unheard", "--no-wait")

    shown = stage.call("show", document["execution_id"])

    why = f"no worker listens on queue {stage.queue}-unheard"
    assert document["nodes"][0]["why"] == why
    assert why in shown.stdout


def test_a_run_that_takes_too_long_is_cancelled_and_says_what_it_waited_for(stage, worker):
    done = stage.call("run", "unheard", "--timeout", "2")

    assert done.returncode == 4
    assert f"unheard: pending, 1 queued; no worker listens on queue {stage.queue}-unheard" in done.stderr
    assert "did not end within 2 s and was cancelled; `pypeline retry" in done.stderr
    assert done.stdout.startswith("⊘ unheard  cancelled")


def test_a_node_that_waits_for_a_free_worker_says_among_how_many(own_stage, payload):
    stage = own_stage
    with stage.worker("--name", "adder", "-c", "1", "-n", f"{stage.queue}@%h"):
        first = stage.json("run", "waits", "--no-wait", "--payload", json.dumps(payload))
        begun(payload)
        runs = [stage.json("run", "sum", "--no-wait") for _ in range(2)]

        last = stage.json("show", runs[1]["execution_id"])
        Path(payload["go"]).touch()
        ended = [stage.call("show", run["execution_id"], "--watch").returncode for run in (first, *runs)]

    assert last["nodes"][0]["why"] == f"waits for a worker on queue {stage.queue}, 2 queued there"
    assert ended == [0, 0, 0]


def test_a_cancelled_run_tells_its_handlers_and_ends(stage, worker, payload):
    run = stage.json("run", "waits", "--no-wait", "--payload", json.dumps(payload))["execution_id"]
    begun(payload)

    said = stage.call("cancel", run).stdout
    watched = stage.call("show", run, "--watch", "--json")

    assert said == f"Run {run} is being cancelled: 1 still run and may finish.\n"
    assert watched.returncode == 1
    document = json.loads(watched.stdout)
    assert (document["state"], document["cancel_requested"]) == ("cancelled", True)
    assert [node["state"] for node in document["nodes"]] == ["success", "cancelled"]
    assert document["nodes"][0]["result"] == "told"


def test_an_interrupt_cancels_the_run(stage, worker, payload):
    with stage.started("run", "waits", "--payload", json.dumps(payload)) as process:
        begun(payload)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)

    assert process.returncode == 1
    assert "Cancelling: waits for 1 that still run." in err
    assert out.startswith("⊘ waits  cancelled")


def test_a_second_interrupt_leaves_the_cancelled_run_to_its_workers(stage, worker, payload):
    stubborn = json.dumps({**payload, "stubborn": True})
    with stage.started("run", "waits", "--payload", stubborn) as process:
        begun(payload)
        run = newest(stage)
        process.send_signal(signal.SIGINT)
        wait_until(lambda: stage.json("show", run)["cancel_requested"], timeout=30)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    Path(payload["go"]).touch()

    assert process.returncode == 130
    assert f"Left run {run} to the workers" in err
    assert stage.call("show", run, "--watch").returncode == 1
    assert stage.json("show", run)["state"] == "cancelled"


def test_a_process_that_is_terminated_leaves_the_run_going(stage, worker, payload):
    with stage.started("run", "waits", "--payload", json.dumps(payload)) as process:
        begun(payload)
        run = newest(stage)
        process.terminate()
        _, err = process.communicate(timeout=60)
    Path(payload["go"]).touch()

    assert process.returncode == 143
    assert f"Left run {run} to the workers; `pypeline show {run} --watch` shows it." in err
    assert stage.call("show", run, "--watch").returncode == 0


def test_a_run_that_goes_on_is_not_retried(stage, worker, payload):
    run = stage.json("run", "waits", "--no-wait", "--payload", json.dumps(payload))["execution_id"]
    begun(payload)

    refused = stage.call("retry", run)
    embedded = stage.call("retry", run, PYPELINE_BROKER_URL=None)

    assert (refused.returncode, embedded.returncode) == (2, 2)
    assert refused.stderr == f"error: run {run}: it is still going; its workers finish it\n"
    assert "set PYPELINE_BROKER_URL to work with the runs of a broker" in embedded.stderr


def test_an_embedded_run_whose_process_is_gone_goes_on_at_the_workers(stage, worker, payload):
    arguments = ("run", "waits", "--payload", json.dumps(payload))
    with stage.started(*arguments, PYPELINE_BROKER_URL=None) as process:
        begun(payload)
        run = newest(stage)
        process.kill()
        process.wait()
    Path(payload["go"]).touch()

    done = stage.call("retry", run, "--json")

    assert done.returncode == 0, done.stderr
    nodes = json.loads(done.stdout)["nodes"]
    assert [(node["state"], node["attempt"]) for node in nodes] == [("success", 2), ("success", 1)]


def test_with_the_broker_away_a_run_is_accepted_and_another_broker_can_take_it_over(stage, worker):
    away = f"amqp://127.0.0.1:{free_port()}//"

    accepted = stage.call("run", "sum", "--no-wait", "--json", PYPELINE_BROKER_URL=away)
    run = json.loads(accepted.stdout)["execution_id"]
    done = stage.call("retry", run)

    assert accepted.returncode == 0
    said = "accepted; the broker does not answer, a worker will start it once it does"
    assert accepted.stderr == f"run {run}: {said}\n"
    assert done.returncode == 0, done.stderr


def test_with_the_broker_away_a_run_is_watched_all_the_same(stage):
    away = f"amqp://127.0.0.1:{free_port()}//"

    done = stage.call("run", "sum", "--timeout", "1", PYPELINE_BROKER_URL=away)

    assert done.returncode == 4
    assert "accepted; the broker does not answer" in done.stderr
    assert f"no worker listens on queue {stage.queue}" in done.stderr


def test_with_the_database_away_it_ends_quickly_with_code_3(stage):
    begun_at = time.monotonic()

    done = stage.call("run", "sum", PYPELINE_DATABASE_URL=f"postgresql://127.0.0.1:{free_port()}/runs")

    assert done.returncode == 3
    assert done.stderr.startswith("error: database postgresql://127.0.0.1:")
    assert done.stderr.count("\n") == 1
    assert time.monotonic() - begun_at < 10


def test_a_database_that_restarts_meanwhile_is_waited_for(tmp_path):
    with (
        private_postgres() as server,
        stage_in(tmp_path, f"{server.url}/postgres") as stage,
        stage.started("run", "unheard") as process,
    ):
        shown = any("no worker listens" in line for line in process.stderr)
        server.stop()
        told = any("The database does not answer; waiting for it." in line for line in process.stderr)
        server.start()
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)

    assert (shown, told) == (True, True)
    assert out.startswith("⊘ unheard  cancelled")
    assert process.returncode == 1


@pytest.mark.parametrize("arguments", [("run", "sum"), ("runs",), ("worker",), ("doctor",)])
def test_a_broker_without_a_database_is_refused(stage, arguments):
    done = stage.call(*arguments, PYPELINE_DATABASE_URL=None)

    assert done.returncode == 2
    assert done.stderr.startswith("error: PYPELINE_DATABASE_URL: is not set, but a broker is: ")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--concurrency", "2"), "its workers decide (`pypeline worker -c N`)"),
        (("--no-wait", "--timeout", "2"), "--no-wait does not wait: leave one of them out"),
    ],
)
def test_what_makes_no_sense_through_a_broker_is_refused(stage, options, said):
    done = stage.call("run", "sum", *options)

    assert done.returncode == 2
    assert said in done.stderr


def newest(stage):
    return stage.json("runs", "--limit", "1")["runs"][0]["execution_id"]
