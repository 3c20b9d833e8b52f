"""`pypeline doctor` beside real servers: what it finds, and what it answers."""

from __future__ import annotations

import socket

import psycopg
import pytest
from kombu import Connection

from cli_stage import RABBITMQ, REDIS, Stage, require_broker
from services import free_port

CONFIG = """
serviceConfig:
  - name: fast
    registeredTasks:
      - {handler: cli_doctor_tasks.fast}
  - name: slow
    registeredTasks:
      - {handler: cli_doctor_tasks.slow}
pipelines:
  fast:
    config:
      metadata: {queue: QUEUE, maxTtl: 60}
      dagAdjacency: {a: []}
      taskDefinitions: {a: {handler: cli_doctor_tasks.fast}}
  slow:
    config:
      metadata: {queue: QUEUE-slow, maxTtl: 7200}
      dagAdjacency: {a: []}
      taskDefinitions: {a: {handler: cli_doctor_tasks.slow}}
"""
TASKS = "def fast(event):\n    return 1\n\ndef slow(event):\n    return 2\n"


@pytest.fixture(scope="module")
def stage(tmp_path_factory, postgres_url):
    found = Stage(tmp_path_factory.mktemp("doctor"), require_broker(RABBITMQ), postgres_url)
    (found.folder / "cli_doctor_tasks.py").write_text(TASKS)
    (found.folder / "sermos.yaml").write_text(CONFIG.replace("QUEUE", found.queue))
    assert found.call("db", "upgrade").returncode == 0
    yield found
    found.forget("slow")


@pytest.fixture(scope="module")
def workers(stage):
    """Of one of the two services, with a pool that cannot end what hangs."""
    with stage.worker("--name", "fast", "--pool", "threads", "-c", "2", "-n", f"{stage.queue}@%h"):
        yield


def checks(document, part, about=None):
    return [one for one in document["checks"] if one["part"] == part and about in (None, one["about"])]


def test_it_knows_configuration_database_and_broker(stage):
    document = stage.json("doctor")

    [configuration] = checks(document, "configuration")
    [database] = checks(document, "database")
    assert (configuration["level"], database["level"]) == ("ok", "ok")
    assert "2 pipelines, no fault" in configuration["message"]
    assert "answers; its schema is at level " in database["message"]
    assert "answers: RabbitMQ 3." in checks(document, "broker")[0]["message"]


def test_it_tells_which_queues_and_services_have_no_worker(stage, workers):
    done = stage.call("doctor")
    document = stage.json("doctor")

    [fast] = checks(document, "queue", stage.queue)
    [slow] = checks(document, "queue", f"{stage.queue}-slow")
    assert (fast["level"], fast["message"]) == ("ok", "quorum, 1 worker, 0 queued")
    assert (slow["level"], slow["message"]) == ("warning", "no worker listens; 0 queued")
    assert slow["remedy"] == "start one: `pypeline worker --name slow`"
    assert [one["about"] for one in checks(document, "service")] == ["slow"]
    assert done.returncode == 0, done.stdout
    assert "! service        slow: no worker of it lives\n" in done.stdout


def test_nodes_that_nobody_will_take_are_a_problem(stage, workers):
    run = stage.json("run", "slow", "--no-wait")["execution_id"]

    done = stage.call("doctor")
    stage.call("cancel", run)

    assert done.returncode == 1
    assert f"✗ queue          {stage.queue}-slow: no worker listens; 1 queued, the oldest for " in done.stdout


def test_it_warns_of_a_pool_that_cannot_end_what_hangs(stage, workers):
    document = stage.json("doctor")

    [worker] = checks(document, "worker")
    assert worker["level"] == "warning"
    assert "the pool threads cannot enforce a hard time limit" in worker["message"]
    assert [one["service"] for one in document["workers"] if one["app"] == stage.queue] == ["fast"]


def test_it_warns_where_rabbitmq_is_less_patient_than_a_node(stage, workers):
    remarks = [one["message"] for one in checks(stage.json("doctor"), "broker") if one["level"] == "warning"]

    assert any("consumer_timeout" in said and "the longest maxTtl is 7200 s" in said for said in remarks)


def test_it_warns_of_a_classic_queue(stage):
    name = f"{stage.queue}-slow"
    with Connection(RABBITMQ) as connection:
        connection.default_channel.queue_delete(name)
        connection.default_channel.queue_declare(name, durable=True, auto_delete=False)

    document = stage.json("doctor")
    stage.forget("slow")

    assert any("is a classic queue" in one["message"] for one in checks(document, "broker", name))


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("version", "'0.0.1'", "runs PypeLine 0.0.1, this is "),
        ("clock_at", "now() + interval '10 minutes'", "its clock is 600.0 s ahead of the database's"),
        ("seen_at", "now() - interval '5 minutes'", "silent for 30"),
    ],
)
def test_it_warns_of_workers_that_differ(stage, column, value, said):
    values = {"version": "'0.1.0'", "clock_at": "now()", "seen_at": "now()"}
    values[column] = value
    with psycopg.connect(stage.database, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO pypeline_worker "
            "(id, app, broker, queues, pool, concurrency, started_at, version, seen_at, clock_at) "
            f"VALUES ('other', '{stage.queue}', 'amqp://127.0.0.1:5672//', '[]', 'prefork', 2, now(), "
            f"{values['version']}, {values['seen_at']}, {values['clock_at']})"
        )
        document = stage.json("doctor")
        connection.execute("DELETE FROM pypeline_worker WHERE id = 'other'")

    messages = [one["message"] for one in checks(document, "worker", "other")]
    assert any(said in message for message in messages)


def test_faults_of_the_configuration_are_code_2(stage, tmp_path):
    file = tmp_path / "sermos.yaml"
    file.write_text("pipelines: {a: {config: {metadata: {queue: q}, dagAdjacency: {x: [y]}}}}")

    done = stage.call("doctor", "--config", str(file))

    assert done.returncode == 2
    assert f"✗ configuration  {file}:1:" in done.stdout


def test_a_database_that_is_away_is_code_3(stage):
    away = f"postgresql://127.0.0.1:{free_port()}/runs"

    done = stage.call("doctor", PYPELINE_DATABASE_URL=away)

    assert done.returncode == 3
    assert f"✗ database       {away}: " in done.stdout
    assert "✓ broker" in done.stdout


def test_a_broker_that_is_away_is_code_1(stage):
    done = stage.call("doctor", PYPELINE_BROKER_URL=f"amqp://127.0.0.1:{free_port()}//")

    assert done.returncode == 1
    assert "does not answer" in done.stdout
    assert "check PYPELINE_BROKER_URL and that the server runs" in done.stdout


def test_redis_is_examined_too(stage):
    require_broker(REDIS)

    document = stage.call("doctor", PYPELINE_BROKER_URL=REDIS).stdout

    assert "redis://127.0.0.1:6379/0 answers: " in document


def test_without_a_broker_it_checks_what_there_is_and_creates_nothing(stage, tmp_path):
    (tmp_path / "sermos.yaml").write_text((stage.folder / "sermos.yaml").read_text())
    alone = Stage(tmp_path, stage.broker, stage.database)

    done = alone.call("doctor", PYPELINE_BROKER_URL=None, PYPELINE_DATABASE_URL=None)

    assert done.returncode == 0
    assert "pypeline.db is not there yet: the first run creates it" in done.stdout
    assert "none is set: runs are embedded" in done.stdout
    assert not (tmp_path / "pypeline.db").exists()


def test_no_password_is_printed(stage):
    url = f"postgresql://postgres:verysecret@127.0.0.1:{free_port()}/runs"
    broker = f"amqp://me:verysecret@{socket.gethostname()}:{free_port()}//"

    done = stage.call("doctor", "--json", PYPELINE_DATABASE_URL=url, PYPELINE_BROKER_URL=broker)

    assert "verysecret" not in done.stdout + done.stderr
