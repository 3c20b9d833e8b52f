"""`pypeline web`: gunicorn processes, called over HTTP."""

from __future__ import annotations

import http.client
import json
import os
import signal
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from celery_fakes import wait_until
from cli_stage import CLEAN, RABBITMQ, Stage, require_broker
from services import free_port, private_postgres
from web_stage import KEYS, web

TASKS = """
import os, pathlib, time

def one(event):
    return 1

def add(event, one):
    return one + event.get("n", 1)

def waits(event):
    pathlib.Path("running").touch()
    while not os.path.exists("go"):
        time.sleep(0.02)
    return "went"
"""
CONFIG = """
serviceConfig:
  - name: adder
    registeredTasks: [{handler: web_tasks.one}, {handler: web_tasks.add}, {handler: web_tasks.waits}]
pipelines:
  sum:
    config:
      metadata: {queue: QUEUE}
      dagAdjacency: {one: [add]}
      taskDefinitions: {one: {handler: web_tasks.one}, add: {handler: web_tasks.add}}
  waits:
    config:
      metadata: {queue: QUEUE}
      dagAdjacency: {waits: []}
      taskDefinitions: {waits: {handler: web_tasks.waits}}
"""
SOON = 2.0
"""Seconds within which an answer has to come while the database is away."""

SLACK = 3.0
"""Seconds more for a machine that does other things at the same time."""


@pytest.fixture(scope="module")
def stage(tmp_path_factory, postgres_url):
    with staged(tmp_path_factory.mktemp("web"), postgres_url) as found:
        yield found


@contextmanager
def staged(folder, database):
    found = Stage(folder, require_broker(RABBITMQ), database)
    write(folder, found.queue)
    done = found.call("db", "upgrade")
    assert done.returncode == 0, done.stderr
    yield found
    found.forget()


def write(folder, queue="q"):
    (folder / "web_tasks.py").write_text(TASKS)
    (folder / "sermos.yaml").write_text(CONFIG.replace("QUEUE", queue))


@pytest.fixture(scope="module")
def server(stage):
    """One that others may reach too, so that it has keys; the calls are an operator's."""
    with web(stage.folder, {**stage.variables, "PYPELINE_ACCESS_KEYS": KEYS}) as running:
        running.headers["accesskey"] = "o-secret"
        yield running


@pytest.fixture
def embedded(tmp_path):
    """One without broker and keys."""
    write(tmp_path)
    with web(tmp_path, CLEAN) as running:
        yield running


def test_a_run_is_started_polled_and_read(stage, server):
    with stage.worker("-Q", stage.queue, "-c", "1", "-n", f"{stage.queue}@%h"):
        document = server.results(server.invoke("sum", {"n": 41}))

    assert document["status"] == "success"
    assert document["result"] == 42


def test_who_has_no_key_gets_nothing_but_the_pulse(server):
    codes = {
        path: server.call(path, accesskey="wrong").status
        for path in ("/healthz", "/readyz", "/metrics", "/api/v1/runs", "/nowhere")
    }

    assert codes == {"/healthz": 200, "/readyz": 401, "/metrics": 401, "/api/v1/runs": 401, "/nowhere": 404}


def test_a_reader_may_look_and_no_more(server):
    path = "/api/v1/pipelines/invoke/sum"

    assert server.call("/api/v1/runs", accesskey="r-secret").status == 200
    assert server.call(path, body={"chain_payload": {}}, accesskey="r-secret").status == 403


def test_it_is_ready_where_database_schema_and_broker_are(server):
    reply = server.call("/readyz")

    assert reply.status == 200
    assert {check["name"]: check["ok"] for check in reply.json["checks"]} == {
        "database": True,
        "schema": True,
        "broker": True,
    }


def test_a_prometheus_server_can_read_it(server):
    reply = server.call("/metrics", accesskey="r-secret")

    assert reply.status == 200
    assert reply.headers["Content-Type"].startswith("text/plain; version=")
    assert '\npypeline_nodes{state="queued"} ' in reply.text


def test_keys_are_in_no_log_and_in_no_list_of_processes(stage):
    line = "%(r)s %({accesskey}i)s %({Authorization}i)s %({HTTP_ACCESSKEY}e)s"
    variables = {**stage.variables, "PYPELINE_ACCESS_KEYS": KEYS, "LOG_LEVEL": "DEBUG"}

    with web(stage.folder, variables, "--", "--access-logfile", "-", "--access-logformat", line) as running:
        assert running.call("/api/v1/runs", accesskey="o-secret").status == 200
        assert running.call("/api/v1/runs", Authorization="Bearer r-secret").status == 200
        assert running.call("/api/v1/runs", accesskey="w-secret").status == 401
        shown = [Path(f"/proc/{pid}/cmdline").read_text() for pid in running.family()]
        log = running.log.read_text()

    assert len(shown) > 1
    assert "GET /api/v1/runs HTTP/1.1 ***" in log
    assert [text for text in (*shown, log) if "-secret" in text] == []


def test_a_request_under_way_is_answered_before_it_ends(stage):
    variables = {**stage.variables, "PYPELINE_ACCESS_KEYS": KEYS}
    body = json.dumps({"chain_payload": {"n": 1}}).encode()

    with web(stage.folder, variables, "--workers", "1") as running:
        connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)
        connection.putrequest("POST", "/api/v1/pipelines/invoke/sum")
        for name, value in {
            "accesskey": "o-secret",
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
        }.items():
            connection.putheader(name, value)
        connection.endheaders(body[:5])
        # Another one that came later is answered: this one was taken, and waits for its rest.
        wait_until(running.answers)
        running.process.send_signal(signal.SIGTERM)
        wait_until(lambda: not running.answers(), timeout=20)
        connection.send(body[5:])
        reply = connection.getresponse()
        answered = json.loads(reply.read())
        connection.close()
        code = running.process.wait(30)

    assert (reply.status, code) == (202, 0), answered
    assert stage.json("show", answered["execution_id"])["state"] == "pending"


def test_it_serves_from_a_loaded_application_that_has_forked(stage):
    variables = {**stage.variables, "PYPELINE_ACCESS_KEYS": KEYS}

    with web(stage.folder, variables, "--workers", "2", "--", "--preload") as running:
        running.headers["accesskey"] = "o-secret"
        runs = [running.invoke("sum") for _ in range(6)]
        known = {run["execution_id"] for run in running.call("/api/v1/runs?limit=100").json["runs"]}

    assert set(runs) <= known


def test_it_serves_from_greenlets_too(stage):
    variables = {**stage.variables, "PYPELINE_ACCESS_KEYS": KEYS}

    with web(stage.folder, variables, "--workers", "1", "--", "--worker-class", "gevent") as running:
        running.headers["accesskey"] = "o-secret"
        run = running.invoke("sum")
        ready = running.call("/readyz")
        shown = running.call(f"/api/v1/pipelines/results/{run}")

    assert (ready.status, shown.status) == (200, 202), ready.text


def test_without_a_broker_runs_are_done_in_the_process_that_answers(embedded):
    document = embedded.results(embedded.invoke("sum", {"n": 1}))

    assert document["result"] == 2
    assert len(embedded.family()) == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_runs_in_the_process_may_finish(embedded, tmp_path, number):
    run = embedded.invoke("waits")
    wait_until((tmp_path / "running").exists, timeout=20)

    # To all of them, as a terminal does.
    os.killpg(embedded.process.pid, number)
    wait_until(lambda: not embedded.answers(), timeout=20)
    (tmp_path / "go").touch()
    code = embedded.process.wait(30)

    assert code == 0, embedded.log.read_text()
    shown = Stage(tmp_path, "", "").call("show", run, "--json", **dict.fromkeys(EMBEDDED))
    assert json.loads(shown.stdout)["state"] == "success"


EMBEDDED = ("PYPELINE_BROKER_URL", "PYPELINE_DATABASE_URL", "PYPELINE_APP", "PYPELINE_DEFAULT_QUEUE")


def test_a_database_that_is_away_is_answered_with_503_until_it_is_back(tmp_path):
    with private_postgres() as postgres, staged(tmp_path, f"{postgres.url}/postgres") as here:
        postgres.stop()
        with web(tmp_path, here.variables, "--workers", "1") as running:
            assert "the database is away, requests get 503" in running.log.read_text()
            refused_at_first = timed(running, "/api/v1/runs")
            postgres.start()
            found_at_first = timed(running, "/api/v1/runs")
            postgres.stop()
            refused = [timed(running, path) for path in ("/api/v1/runs", "/metrics", "/readyz")]
            pulse = timed(running, "/healthz")
            postgres.start()
            found = [timed(running, path) for path in ("/api/v1/runs", "/metrics", "/readyz")]

    assert (refused_at_first.status, found_at_first.status) == (503, 200)
    assert refused_at_first.headers["Content-Type"] == "application/problem+json"
    assert refused_at_first.headers["Retry-After"] == "2"
    assert "postgres" not in refused_at_first.text
    assert ([reply.status for reply in refused], pulse.status) == ([503, 503, 503], 200)
    assert [reply.status for reply in found] == [200, 200, 200]


def test_a_database_that_takes_connections_and_says_nothing_is_not_ready(tmp_path):
    with (
        private_postgres() as postgres,
        staged(tmp_path, f"{postgres.url}/postgres") as here,
        web(tmp_path, here.variables, "--workers", "1") as running,
    ):
        assert running.call("/readyz").status == 200
        with postgres.mute():
            begun = time.monotonic()
            mute = [running.call("/readyz") for _ in range(2)]
            took = time.monotonic() - begun
        wait_until(lambda: running.call("/readyz").status == 200, timeout=30)

    for reply in mute:
        checks = {check["name"]: check for check in reply.json["checks"]}
        assert reply.status == 503
        assert checks["database"]["reason"] == "does not answer within 2 s"
        assert checks["broker"]["ok"]
    assert took < 2 * SOON + SLACK


def test_a_database_that_falls_silent_keeps_no_request(tmp_path):
    with (
        private_postgres() as postgres,
        staged(tmp_path, f"{postgres.url}/postgres") as here,
        web(tmp_path, here.variables, "--workers", "1", "--", "--threads", "2") as running,
    ):
        assert timed(running, "/api/v1/runs").status == 200
        with postgres.mute():
            # More often than there are threads: some have an open connection, the others need one.
            mute = [timed(running, "/api/v1/runs?limit=5") for _ in range(4)]
            started = running.call("/api/v1/pipelines/invoke/sum", body={"chain_payload": {}})
            pulse = timed(running, "/healthz")
        wait_until(lambda: running.call("/api/v1/runs").status == 200)
        went = running.call("/api/v1/pipelines/invoke/sum", body={"chain_payload": {}})

    assert [reply.status for reply in [*mute, started]] == [503] * 5
    assert pulse.status == 200
    assert went.status == 202


def timed(running, path):
    begun = time.monotonic()
    reply = running.call(path)
    assert time.monotonic() - begun < SOON + SLACK
    return reply


@pytest.mark.parametrize("address", ["0.0.0.0", "", "[::]", "192.0.2.1"])
def test_an_address_that_others_reach_is_refused_without_keys(stage, address):
    done = stage.call("web", "--bind", f"{address}:{free_port()}")

    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: PYPELINE_ACCESS_KEYS: is not set")
    assert "set keys, for example" in done.stderr


def test_gunicorns_own_ways_to_name_an_address_are_looked_at_too(stage):
    by_option = stage.call("web", "--", "-b", f"0.0.0.0:{free_port()}")
    by_variable = stage.call("web", GUNICORN_CMD_ARGS=f"--bind=0.0.0.0:{free_port()}")
    by_socket = stage.call("web", "--bind", f"unix:{stage.folder}/s")

    assert [done.returncode for done in (by_option, by_variable, by_socket)] == [2, 2, 2]


@pytest.mark.parametrize("given", [("--workers", "2"), ("--", "--worker-class", "gevent")])
def test_what_does_not_fit_a_worker_inside_the_process_is_refused(tmp_path, given):
    write(tmp_path)

    done = Stage(tmp_path, "", "").call("web", *given, **dict.fromkeys(EMBEDDED))

    assert done.returncode == 2
    assert f"leave out {' '.join(given[-2:]).removesuffix(' 2')}" in done.stderr


def test_a_database_without_tables_is_told_before_it_starts(tmp_path):
    write(tmp_path)
    with private_postgres() as postgres:
        done = Stage(tmp_path, RABBITMQ, f"{postgres.url}/postgres").call("web")

    assert done.returncode == 2
    assert "run `pypeline db upgrade`" in done.stderr
