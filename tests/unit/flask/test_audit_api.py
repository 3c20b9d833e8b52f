"""The audit: who asked for which change, when, from where, and how it was answered."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta

import pytest

from flask_shop import KEYS, Caller, problem_of
from pypeline.flask.models.audit import AuditPage

FROM = {"environ_base": {"REMOTE_ADDR": "10.1.2.3"}}


def entries(admin, query=""):
    document = admin.get(f"/audit{query}").json
    assert AuditPage.model_validate(document).model_dump(mode="json") == document
    return document["entries"]


def test_a_change_is_kept_with_who_what_when_and_from_where(admin, operator):
    begun = datetime.now(UTC) - timedelta(seconds=2)
    run_id = operator.invoke("squares")
    operator.post(f"/runs/{run_id}/cancel", **FROM)

    [cancel, invoke] = entries(admin)

    assert (cancel["actor"], cancel["role"], cancel["source"]) == ("otto", "operator", "10.1.2.3")
    assert (cancel["action"], cancel["target"], cancel["status"]) == ("run.cancel", run_id, 202)
    assert (invoke["action"], invoke["target"], invoke["status"]) == ("run.invoke", "squares", 202)
    assert (cancel["execution_id"], invoke["execution_id"]) == (None, run_id)
    assert entries(admin, f"?target={run_id}") == [cancel, invoke]
    assert begun < datetime.fromisoformat(invoke["at"]) <= datetime.fromisoformat(cancel["at"])


def test_every_operation_that_changes_something_is_kept_by_its_own_name(admin):
    run_id = admin.invoke("squares")
    admin.post(f"/runs/{run_id}/cancel")
    admin.post(f"/runs/{run_id}/retry", {"from_node": "square"})
    admin.post("/tasks/publish", {"task": "flask_shop.greet"})
    admin.post("/schedules", {"id": "s", "pipeline": "hello", "every": "1 hour"})
    admin("PUT", "/schedules/s", json={"pipeline": "hello", "every": "2 hours"})
    admin("PATCH", "/schedules/s", json={"enabled": False})
    admin.post("/schedules/s/run")
    admin("DELETE", "/schedules/s")

    found = [(one["action"], one["target"], one["status"]) for one in reversed(entries(admin))]

    assert found == [
        ("run.invoke", "squares", 202),
        ("run.cancel", run_id, 202),
        ("run.retry", run_id, 202),
        ("task.publish", "flask_shop.greet", 202),
        ("schedule.create", "s", 201),
        ("schedule.put", "s", 200),
        ("schedule.patch", "s", 200),
        ("schedule.run", "s", 202),
        ("schedule.delete", "s", 204),
    ]


def test_what_was_refused_is_kept_with_its_status(admin, operator):
    run_id = operator.invoke("squares")
    operator.post("/runs/nothing/cancel")
    operator.post(f"/runs/{run_id}/retry", {})
    operator.post("/pipelines/invoke/strict", {})
    admin.post("/schedules", {"id": "s", "pipeline": "hello", "every": "1 hour"})
    operator("PATCH", "/schedules/s", json={"name": "x"})

    assert [one["status"] for one in reversed(entries(admin))] == [202, 404, 409, 422, 201, 403]


def test_a_change_that_broke_is_kept_as_500(app, admin, monkeypatch):
    def cancel(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(type(app.extensions["pypeline"].application), "cancel", cancel)
    problem_of(admin.post("/runs/r/cancel"), 500)

    assert entries(admin)[0]["status"] == 500


def test_questions_and_strangers_are_not_kept(app, admin):
    admin.get("/runs")
    admin.get("/audit")
    Caller(app).post("/runs/r/cancel")
    Caller(app, "guessed").post("/runs/r/cancel")
    Caller(app, KEYS["reader"]).post("/runs/r/cancel")

    assert entries(admin) == []


def test_neither_payload_nor_key_is_kept(app, admin, operator, folder):
    secret = "a-word-that-nobody-may-read"
    headers = {"Idempotency-Key": secret, "Cookie": secret, "Authorization": f"Bearer {secret}"}
    operator.post("/pipelines/invoke/hello", {"chain_payload": {secret: secret}}, headers=headers)
    operator.post("/tasks/publish", {"task": "flask_shop.greet", "payload": {secret: secret}})
    admin.post(
        "/schedules", {"id": "s", "task": "flask_shop.greet", "every": "1 hour", "payload": {secret: secret}}
    )
    admin("PATCH", "/schedules/s", json={"payload": {secret: secret}})

    app.extensions["pypeline"].link.close()
    with sqlite3.connect(folder / "runs.db") as connection:
        kept = str(connection.execute("select * from pypeline_audit").fetchall())
    connection.close()
    assert kept.count("otto") == kept.count("ann") == 2
    assert secret not in kept
    assert not any(key in kept for key in KEYS.values())


def test_what_was_changed_of_a_schedule_is_kept(admin):
    admin.post("/schedules", {"id": "s", "pipeline": "hello", "every": "1 hour"})
    admin("PATCH", "/schedules/s", json={"cron": "0 * * * *", "name": None})

    assert [one["detail"] for one in entries(admin)] == [
        {"cron": "0 * * * *", "name": None},
        {"pipeline": "hello", "every": "1 hour"},
    ]


def test_entries_are_found_by_who_what_and_to_what(admin, operator):
    run_id = operator.invoke()
    admin.post(f"/runs/{run_id}/cancel")
    admin.invoke("squares")

    def found(query):
        return [(one["actor"], one["action"]) for one in entries(admin, query)]

    assert found("?actor=otto") == [("otto", "run.invoke")]
    assert found("?action=run.invoke") == [("ann", "run.invoke"), ("otto", "run.invoke")]
    assert found(f"?target={run_id}") == [("ann", "run.cancel"), ("otto", "run.invoke")]
    assert found("?actor=ann&action=run.invoke&target=squares") == [("ann", "run.invoke")]
    assert found("?actor=nobody") == []


def test_applications_in_one_database_have_their_own_audit(make_app):
    mine, theirs = (Caller(make_app(PYPELINE_APP=name), KEYS["admin"]) for name in ("mine", "theirs"))

    mine.invoke()

    assert len(entries(mine)) == 1
    assert entries(theirs) == []


@pytest.mark.parametrize("path", ["/runs/r/cancel", "/schedules/s/run"])
def test_nothing_is_changed_where_it_cannot_be_kept(app, admin, monkeypatch, path):
    from pypeline.errors import DatabaseUnavailable

    changed = []

    def note(*_):
        raise DatabaseUnavailable("x", "away")

    application = app.extensions["pypeline"].application
    monkeypatch.setattr(type(application.audit), "note", note)
    monkeypatch.setattr(type(application), "cancel", lambda *_: changed.append("cancel"))
    monkeypatch.setattr(type(application.schedules), "run", lambda *_: changed.append("run"))

    problem_of(admin.post(path), 503)
    assert changed == []
