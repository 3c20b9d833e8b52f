"""Every error of the API is a problem document, which says what is wrong and gives nothing away."""

from __future__ import annotations

import shutil
import sqlite3
from io import BytesIO

import pytest
from flask import Flask

from flask_shop import API, KEYS, Caller, problem_of
from pypeline.application import Application
from pypeline.application.publishing import Publishing
from pypeline.errors import DatabaseUnavailable, ResultGone, ResultStoreUnavailable, UnknownRun
from pypeline.flask.api import OPERATIONS

AWAY = "postgresql://somebody:hidden@127.0.0.1:1/nothing"


@pytest.fixture
def raising(app, monkeypatch):
    """Lets reading the results of a run raise an error."""

    def let(error):
        def run(*_):
            raise error

        application = app.extensions["pypeline"].application
        monkeypatch.setattr(type(application), "results_document", run)

    return let


# — what callers do wrong —


@pytest.mark.parametrize(
    "body", [b" ", b"{", b"{'a': 1}", b"\xff", b'{"chain_payload": {}} x', b'{"a": "\\ud800"}']
)
def test_what_is_not_json_is_400(operator, body):
    answer = operator("POST", "/pipelines/invoke/hello", data=body, content_type="application/json")

    assert "no JSON" in problem_of(answer, 400)


@pytest.mark.parametrize("kind", ["application/json", "text/plain", ""])
def test_an_empty_body_is_an_empty_object_whatever_it_says_to_be(operator, kind):
    answer = operator("POST", "/pipelines/invoke/hello", data=b"", content_type=kind)

    assert answer.status_code == 202


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_json_does_not_hold_are_400(operator, number):
    body = f'{{"chain_payload": {{"x": {number}}}}}'

    problem_of(operator("POST", "/pipelines/invoke/hello", data=body, content_type="application/json"), 400)


def test_a_body_that_goes_very_deep_is_no_fault_of_ours(operator):
    body = '{"chain_payload": {"x": ' + "[" * 10_000 + "]" * 10_000 + "}}"

    problem_of(operator("POST", "/pipelines/invoke/hello", data=body, content_type="application/json"), 400)


@pytest.mark.parametrize("digits", [100, 5000])
def test_a_number_of_many_digits_is_no_fault_of_ours(operator, digits):
    body = '{"chain_payload": {"x": ' + "9" * digits + "}}"

    answer = operator("POST", "/pipelines/invoke/hello", data=body, content_type="application/json")

    assert answer.status_code in (202, 400, 422)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize(
    "path",
    ["/runs/a/b/c", "/pipelines/a/b/c", "/schedules/a/b", "/tasks", "/audit/1", "/preview/x", "/tasks/other"],
)
def test_an_unknown_path_beneath_ours_is_404(app, method, path):
    detail = problem_of(Caller(app)(method, path), 404)

    assert f"{API}{path}" in detail


@pytest.mark.parametrize(
    "path", ["/runs/no-such-run", "/runs/no-such-run/nodes", "/pipelines/results/no-such-run"]
)
def test_an_unknown_run_is_404(reader, path):
    assert "no-such-run" in problem_of(reader.get(path), 404)


@pytest.mark.parametrize(
    "odd", ["%00", "a%00b", "%0A", "%0d%0aX-Evil:%201", "%F0%9F%98%80", "..", "x" * 5000, "%ff"]
)
@pytest.mark.parametrize(
    "path", ["/runs/{}", "/pipelines/{}", "/schedules/{}", "/pipelines/results/{}", "/runs/{}/nodes"]
)
def test_an_odd_name_is_404(reader, path, odd):
    problem_of(reader.get(path.format(odd)), 404)


@pytest.mark.parametrize("path", sorted({one.rule for one in OPERATIONS}))
def test_a_method_that_is_not_taken_is_405_with_those_that_are(app, path):
    taken = {one.method for one in OPERATIONS if one.rule == path}
    other = next(method for method in ("DELETE", "PUT", "POST", "GET") if method not in taken)

    answer = Caller(app)(other, path.replace("<", "").replace(">", ""))

    assert taken <= set(answer.headers["Allow"].split(", "))
    assert other in problem_of(answer, 405)


def test_the_probes_answer_405_too(app):
    assert "GET" in app.test_client().post("/healthz").headers["Allow"]
    problem_of(app.test_client().post("/healthz"), 405)


def test_a_body_over_the_limit_is_413(make_app):
    caller = Caller(make_app(PYPELINE_MAX_REQUEST=1000), KEYS["admin"])

    detail = problem_of(caller.post("/pipelines/invoke/hello", {"chain_payload": {"x": "y" * 1000}}), 413)
    assert "more than 1,000 bytes" in detail
    assert "PYPELINE_MAX_REQUEST" in detail
    assert caller.get("/runs").json["runs"] == []
    caller.invoke("hello", {"x": "y" * 900})


@pytest.mark.parametrize(("length", "status"), [(999, 202), (1000, 202), (1001, 413), (5000, 413)])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_is_measured_also_where_it_comes_in_chunks(make_app, length, status, chunked):
    caller = Caller(make_app(PYPELINE_MAX_REQUEST=1000), KEYS["admin"])
    unmeasured = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}

    answer = caller(
        "POST",
        "/pipelines/invoke/hello",
        input_stream=BytesIO(b'{"chain_payload": {}}'.ljust(length)),
        content_type="application/json",
        environ_overrides=unmeasured if chunked else {},
    )

    assert answer.status_code == status, answer.text


def test_who_may_not_call_is_told_so_before_their_body_is_looked_at(make_app):
    app = make_app(PYPELINE_MAX_REQUEST=10)

    problem_of(Caller(app).post("/pipelines/invoke/hello", {"x": "y" * 1000}), 401)
    problem_of(Caller(app, KEYS["reader"]).post("/pipelines/invoke/hello", {"x": "y" * 1000}), 403)


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/xml", "json", ""]
)
def test_a_body_that_says_to_be_something_else_is_415(operator, kind):
    answer = operator("POST", "/pipelines/invoke/hello", data=b'{"chain_payload": {}}', content_type=kind)

    assert "application/json" in problem_of(answer, 415)


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON"])
def test_json_may_be_announced_with_its_charset(operator, kind):
    answer = operator("POST", "/pipelines/invoke/hello", data=b'{"chain_payload": {}}', content_type=kind)

    assert answer.status_code == 202


def test_every_fault_of_a_body_is_told_at_once(operator):
    answer = operator.post(
        "/pipelines/invoke/hello", {"chain_payload": 7, "task_replacements": {"a": "x"}, "z": 1}
    )

    detail = problem_of(answer, 422)
    assert {fault["at"] for fault in answer.json["errors"]} == {"chain_payload", "task_replacements.a", "z"}
    assert all(fault["in"] == "body" and fault["detail"] for fault in answer.json["errors"])
    assert all(name in detail for name in ("chain_payload", "task_replacements.a", "z"))


def test_every_fault_of_a_query_is_told_at_once(reader):
    answer = reader.get("/runs?limit=0&state=lost&since=yesterday&color=red&trigger=a&trigger=b")

    problem_of(answer, 422)
    faults = {fault["at"] for fault in answer.json["errors"]}
    assert faults == {"limit", "state", "since", "color", "trigger"}


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.name)
def test_a_query_parameter_that_there_is_not_is_422(admin, operation):
    path = operation.rule.replace("<", "").replace(">", "")

    detail = problem_of(admin(operation.method, f"{path}?colour=red"), 422)

    assert "colour" in detail


UNREPEATABLE = [one for one in OPERATIONS if one.action is not None and not one.headers]


@pytest.mark.parametrize("operation", UNREPEATABLE, ids=lambda one: one.name)
def test_an_idempotency_key_that_would_not_be_honoured_is_422(admin, operation):
    path = operation.rule.replace("<", "").replace(">", "")
    body = {"task": "flask_shop.greet"} if operation.name == "publish_task" else {}

    answer = admin(operation.method, path, json=body, headers={"Idempotency-Key": "k"})

    assert "Idempotency-Key: this operation takes none" in problem_of(answer, 422)
    assert admin.get("/runs").json["runs"] == []


def test_a_question_may_carry_an_idempotency_key(reader):
    assert reader.get("/pipelines", headers={"Idempotency-Key": "k"}).status_code == 200


def test_what_was_sent_is_not_sent_back(operator):
    answer = operator.post("/pipelines/invoke/hello", {"chain_payload": "my-password", "my-secret-key": 1})

    assert "my-password" not in answer.text


# — what goes wrong here —


def test_a_fault_of_ours_is_logged_and_not_told(app, reader, monkeypatch, caplog):
    def config(_):
        raise ZeroDivisionError("with a secret word")

    monkeypatch.setattr(type(app.extensions["pypeline"].link), "config", config)
    answer = reader.get("/pipelines")

    problem_of(answer, 500)
    assert "secret" not in answer.text
    assert "ZeroDivision" not in answer.text
    assert "with a secret word" in caplog.text


@pytest.mark.parametrize("flag", ["TESTING", "DEBUG", "PROPAGATE_EXCEPTIONS", "TRAP_HTTP_EXCEPTIONS"])
def test_a_fault_is_a_problem_document_in_every_mode_of_flask(app, reader, monkeypatch, flag):
    def config(_):
        raise ZeroDivisionError

    app.config[flag] = True
    monkeypatch.setattr(type(app.extensions["pypeline"].link), "config", config)

    problem_of(reader.get("/pipelines"), 500)
    problem_of(reader.get("/runs/a/b/c"), 404)


@pytest.mark.parametrize("path", ["/runs", "/runs/r", "/pipelines/results/r", "/schedules", "/audit"])
def test_a_database_that_is_away_is_503_and_not_named(make_app, path):
    answer = Caller(make_app(PYPELINE_DATABASE_URL=AWAY), KEYS["admin"]).get(path)

    problem_of(answer, 503)
    assert int(answer.headers["Retry-After"]) > 0
    assert not any(word in answer.text for word in ("127.0.0.1", "somebody", "hidden", "postgres", "nothing"))


def test_the_log_has_the_reason_and_no_password(make_app, caplog):
    Caller(make_app(PYPELINE_DATABASE_URL=AWAY), KEYS["admin"]).get("/runs")

    assert "127.0.0.1" in caplog.text
    assert "hidden" not in caplog.text


def test_a_change_is_503_where_the_database_is_away(make_app):
    caller = Caller(make_app(PYPELINE_DATABASE_URL=AWAY), KEYS["admin"])

    problem_of(caller.post("/pipelines/invoke/hello", {}), 503)
    problem_of(caller("DELETE", "/schedules/x"), 503)


@pytest.fixture
def lost(monkeypatch):
    """Lets the database be lost at the end of a use case: what was asked for is done, and nobody knows."""

    def lose(kind, name):
        done = getattr(kind, name)

        def call(*given, **more):
            done(*given, **more)
            raise DatabaseUnavailable(AWAY, "the connection was lost")

        monkeypatch.setattr(kind, name, call)

    return lose


@pytest.mark.parametrize(
    ("headers", "remedy"),
    [
        ({"Idempotency-Key": "k"}, "send it again with the same Idempotency-Key"),
        ({}, "look before you send it again, and give requests an Idempotency-Key from the first time on"),
    ],
)
def test_a_503_says_that_a_run_may_have_been_started(operator, lost, headers, remedy):
    lost(Application, "invoke")

    answer = operator.post("/pipelines/invoke/hello", {}, headers=headers)

    detail = problem_of(answer, 503)
    assert detail.endswith(f"what was asked for may have been done all the same: {remedy}")
    assert int(answer.headers["Retry-After"]) > 0
    assert "127.0.0.1" not in detail
    assert len(operator.get("/runs").json["runs"]) == 1


def test_a_503_says_that_another_change_may_have_been_made(operator, lost, caplog):
    lost(Publishing, "publish")

    detail = problem_of(operator.post("/tasks/publish", {"task": "flask_shop.greet"}), 503)

    assert detail.endswith("may have been done all the same: look before you send it again")
    assert "the connection was lost" in caplog.text


def test_a_503_of_what_was_not_begun_does_not_say_so(make_app, reader, lost):
    lost(Application, "results_document")
    away = Caller(make_app(Flask("other"), PYPELINE_DATABASE_URL=AWAY), KEYS["admin"])
    run_id = Caller(make_app(Flask("another")), KEYS["admin"]).invoke()

    answers = [away.post("/pipelines/invoke/hello", {}), reader.get(f"/pipelines/results/{run_id}")]

    assert [problem_of(answer, 503) for answer in answers] == [
        "the database cannot be reached; try again later"
    ] * 2


def test_a_file_that_cannot_be_opened_is_503_and_not_named(make_app, folder):
    url = f"sqlite:///{folder / 'no-such-folder' / 'runs.db'}"

    answer = Caller(make_app(PYPELINE_DATABASE_URL=url), KEYS["admin"]).get("/runs")

    problem_of(answer, 503)
    assert "no-such-folder" not in answer.text


def test_a_database_that_comes_back_is_used(make_app, folder):
    url = f"sqlite:///{folder / 'later' / 'runs.db'}"
    caller = Caller(make_app(PYPELINE_DATABASE_URL=url), KEYS["admin"])
    problem_of(caller.get("/runs"), 503)

    (folder / "later").mkdir()

    assert caller.get("/runs").status_code == 200


def test_a_schema_that_does_not_fit_is_503_and_the_database_not_named(make_app, folder):
    path = folder / "newer.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table pypeline_schema (level integer, needs integer)")
        connection.execute("insert into pypeline_schema values (1000, 1000)")
    connection.close()

    answer = Caller(make_app(PYPELINE_DATABASE_URL=f"sqlite:///{path}"), KEYS["admin"]).get("/runs")

    problem_of(answer, 503)
    assert "newer.db" not in answer.text


def test_a_result_store_that_is_away_is_503_and_not_named(reader, raising):
    raising(ResultStoreUnavailable("s3://bucket/key", "cannot connect to http://minio:9000"))

    answer = reader.get("/pipelines/results/r")

    problem_of(answer, 503)
    assert int(answer.headers["Retry-After"]) > 0
    assert not any(word in answer.text for word in ("minio", "bucket"))


def test_a_result_that_is_gone_is_410(reader, raising):
    raising(ResultGone("file:///srv/results/x", "no such file"))

    answer = reader.get("/pipelines/results/r")

    assert "retry" in problem_of(answer, 410)
    assert "/srv/results" not in answer.text


def test_an_error_that_is_ours_keeps_its_words(reader, raising):
    raising(UnknownRun("r"))

    assert problem_of(reader.get("/pipelines/results/r"), 404) == "no run 'r'"


@pytest.mark.parametrize("path", ["", "/nodes", "/nodes/greet"])
def test_a_document_without_a_result_does_not_say_where_it_was(make_app, folder, path):
    store = {"PYPELINE_RESULT_STORE": str(folder / "large"), "PYPELINE_RESULT_LIMIT": 10}
    caller = Caller(make_app(PYPELINE_BROKER_URL=None, **store), KEYS["admin"])
    run_id = caller.invoke()
    caller.ended(run_id)
    shutil.rmtree(folder / "large")

    answer = caller.get(f"/runs/{run_id}{path}")

    assert answer.status_code == 200
    assert "the store of large results cannot be reached" in answer.text
    assert str(folder) not in answer.text
