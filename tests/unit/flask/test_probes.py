"""`/healthz`, `/readyz` and `/metrics`."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import create_engine, text

from flask_shop import KEYS, PROBLEM, Caller
from pypeline.application.insights import Insights
from pypeline.application.insights.metric import Metric, Sample
from pypeline.bootstrap import Readiness, readiness
from pypeline.config import Settings
from pypeline.store.schema import CODE_LEVEL


@pytest.fixture
def settings(folder):
    return Settings.load({"PYPELINE_DATABASE_URL": f"sqlite:///{folder / 'runs.db'}"})


@pytest.fixture
def reader(app):
    """Calls any path of the application with the key of a reader."""
    return Caller(app, KEYS["reader"], prefix="")


def by_name(checks):
    return {check["name"]: (check["ok"], check["reason"]) for check in checks}


def test_the_pulse_needs_neither_key_nor_database(make_app):
    app = make_app(PYPELINE_DATABASE_URL="sqlite:////no/such/folder/runs.db")

    reply = app.test_client().get("/healthz")

    assert (reply.status_code, reply.json) == (200, {"status": "ok"})
    assert reply.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/readyz", "/metrics"])
@pytest.mark.parametrize("key", [{}, {"accesskey": "wrong"}])
def test_the_others_need_a_key(app, path, key):
    reply = app.test_client().get(path, headers=key)

    assert (reply.status_code, reply.mimetype) == (401, PROBLEM)
    assert reply.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("path", ["/readyz", "/metrics"])
def test_a_reader_is_enough(reader, path):
    assert reader.get(path).status_code == 200


def test_it_is_ready_without_a_broker(make_app):
    client = make_app(PYPELINE_BROKER_URL=None, PYPELINE_ACCESS_KEYS=None).test_client()
    client.get("/api/v1/runs")

    reply = client.get("/readyz")

    assert (reply.status_code, reply.json["status"]) == (200, "ok")
    assert by_name(reply.json["checks"]) == {
        "database": (True, "answers"),
        "schema": (True, f"is at level {CODE_LEVEL}"),
        "broker": (True, "none: runs in this process"),
    }


def test_a_file_that_nobody_has_made_yet_is_no_fault(make_app, folder):
    file = folder / "nobody-made-it.db"
    client = make_app(PYPELINE_DATABASE_URL=f"sqlite:///{file}").test_client()

    reply = client.get("/readyz", headers={"accesskey": KEYS["reader"]})

    assert reply.status_code == 200
    assert not file.exists()


def test_a_database_of_newer_code_is_told(reader, folder):
    reader.get("/api/v1/runs")
    engine = create_engine(f"sqlite:///{folder / 'runs.db'}")
    with engine.begin() as connection:
        connection.execute(text("insert into pypeline_schema (level, needs) values (900, 900)"))
    engine.dispose()

    reply = reader.get("/readyz")

    ok, reason = by_name(reply.json["checks"])["schema"]
    assert (reply.status_code, reply.json["status"], ok) == (503, "failed", False)
    assert reason.endswith("install a newer pypeline")
    assert by_name(reply.json["checks"])["database"] == (True, "answers")


def test_a_broker_that_is_away_is_told_without_its_address(make_app):
    client = make_app(PYPELINE_BROKER_URL="amqp://me:hidden@127.0.0.1:1//").test_client()

    reply = client.get("/readyz", headers={"accesskey": KEYS["reader"]})

    assert reply.status_code == 503
    assert by_name(reply.json["checks"])["broker"] == (
        False,
        "cannot be reached; the log of this process says why",
    )
    assert "127.0.0.1" not in reply.text


def test_what_says_nothing_holds_nobody_up_and_is_asked_once(settings, monkeypatch):
    release, asked = threading.Event(), []

    def silent(_):
        asked.append(1)
        release.wait(30)
        return (readiness.Check("broker", ok=True, reason="at last"),)

    monkeypatch.setattr(readiness, "_ask_broker", silent)
    monkeypatch.setattr(readiness, "PATIENCE", 0.2)
    looked_at = Readiness(replace(settings, broker="amqp://far//"))
    begun = time.monotonic()

    found = [{check.name: check for check in looked_at.checks()} for _ in range(3)]
    took = time.monotonic() - begun
    release.set()

    assert [checks["broker"].ok for checks in found] == [False] * 3
    assert [checks["database"].ok for checks in found] == [True] * 3
    assert found[0]["broker"].reason.startswith("does not answer within")
    assert (took < 5, len(asked)) == (True, 1)


def test_a_change_is_logged_once_with_its_cause(settings, monkeypatch, caplog):
    away = readiness.Check("broker", ok=False, reason="cannot be reached", cause="amqp://here: refused")
    back = readiness.Check("broker", ok=True, reason="answers")
    answers = iter([back, away, away, back, back])
    monkeypatch.setattr(readiness, "_ask_broker", lambda _: (next(answers),))
    looked_at = Readiness(settings)

    for _ in range(5):
        looked_at.checks()

    assert [record.message for record in caplog.records] == [
        "broker: amqp://here: refused",
        "broker: answers",
    ]


def test_metrics_are_prometheus_text_of_this_database(reader, operator):
    operator.invoke("hello")

    reply = reader.get("/metrics")
    families = {family.name: family for family in text_string_to_metric_families(reply.text)}
    nodes = {sample.labels["state"]: sample.value for sample in families["pypeline_nodes"].samples}

    assert reply.mimetype == "text/plain"
    assert reply.headers["Cache-Control"] == "no-store"
    assert nodes["queued"] == 1
    assert all(family.documentation for family in families.values())


def test_a_label_may_hold_anything(reader, monkeypatch):
    odd = 'a "quoted" \\ line\nand more'
    found = [Metric("pypeline_odd", "help", (Sample(1, {"queue": odd}),))]
    monkeypatch.setattr(Insights, "metrics", lambda _: found)

    [family] = text_string_to_metric_families(reader.get("/metrics").text)

    assert family.samples[0].labels == {"queue": odd}


def test_metrics_of_the_application_itself_stay_its_own(reader):
    before = list(REGISTRY.collect())

    reply = reader.get("/metrics")

    assert "python_gc" not in reply.text
    assert len(list(REGISTRY.collect())) == len(before)


def test_metrics_say_so_where_the_database_is_away(make_app):
    client = make_app(PYPELINE_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none").test_client()

    reply = client.get("/metrics", headers={"accesskey": KEYS["reader"]})

    assert (reply.status_code, reply.mimetype) == (503, PROBLEM)
