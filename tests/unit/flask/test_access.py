"""Who may call the API, and a user's own views: keys, roles, and this machine where there is no key."""

from __future__ import annotations

import hmac
import logging
import re

import pytest
from flask import Flask

from flask_shop import API, KEYS, NAMES, Caller, problem_of
from pypeline.flask import FlaskPypeline, require_accesskey
from pypeline.flask.access import Role
from pypeline.flask.api import OPERATIONS

GUARDED = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.name)
ABOVE_READER = [one for one in OPERATIONS if one.role > Role.READER]


def ask(caller, operation, **sent):
    """A request of this operation about things that are not there."""
    path = re.sub(r"<(?:\w+:)?\w+>", "nothing", operation.rule)
    if operation.body:
        sent["json"] = {"enabled": True} if operation.method == "PATCH" else {}
    return caller(operation.method, path, **sent)


# — keys —


@GUARDED
def test_without_a_key_nothing_is_answered(app, operation):
    answer = ask(Caller(app), operation)

    assert "accesskey" in problem_of(answer, 401)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@GUARDED
def test_with_an_unknown_key_nothing_is_answered(app, operation):
    answer = ask(Caller(app, "guessed"), operation)

    assert "guessed" not in problem_of(answer, 401)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    ("operation", "role"),
    [(one, role) for one in ABOVE_READER for role in Role if role < one.role],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_role_that_is_too_low_is_told_which_it_takes(app, operation, role):
    detail = problem_of(ask(Caller(app, KEYS[role.word]), operation), 403)

    assert f"takes the role {operation.role.word}" in detail
    assert f"the key {NAMES[role.word]} has {role.word}" in detail


@pytest.mark.parametrize(
    ("operation", "role"),
    [(one, role) for one in OPERATIONS for role in Role if role >= one.role],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_role_that_is_high_enough_gets_past_the_gate(app, operation, role):
    assert ask(Caller(app, KEYS[role.word]), operation).status_code not in (401, 403)


def test_each_change_takes_more_than_a_reader():
    changes = [one for one in OPERATIONS if one.method != "GET"]

    assert changes
    assert all(one.role >= Role.OPERATOR and one.action for one in changes)
    assert {one.name for one in OPERATIONS if one.role is Role.ADMIN} == {
        "create_schedule",
        "put_schedule",
        "delete_schedule",
        "list_audit",
    }


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_a_key_may_come_as_a_bearer_token(app, scheme):
    authorization = {"Authorization": f"{scheme} {KEYS['reader']}"}

    assert Caller(app).get("/runs", headers=authorization).status_code == 200


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic cml0YTpzZWNyZXQtb2Ytcml0YQ==",
        "secret-of-rita",
        "Bearer x=y",
        "Digest a=b",
    ],
)
def test_other_authorizations_are_none(app, authorization):
    problem_of(Caller(app).get("/runs", headers={"Authorization": authorization}), 401)


def test_the_header_goes_before_the_bearer_token(app):
    authorization = {"Authorization": f"Bearer {KEYS['admin']}"}

    problem_of(Caller(app, "unknown").get("/runs", headers=authorization), 401)


@pytest.mark.parametrize(
    "secret", ["a=b", "a=b=", "=", "a b", "a:b:c", "Ünïcödé", "日本", '"quoted"', "x" * 4000]
)
def test_a_key_may_be_any_text(make_app, secret):
    sent = secret.encode().decode("latin-1")  # as WSGI hands the bytes that a client sends
    caller = Caller(make_app(PYPELINE_ACCESS_KEYS=f"ann:admin:{secret}"))

    assert caller.get("/runs", headers={"accesskey": sent}).status_code == 200
    assert caller.get("/runs", headers={"Authorization": f"Bearer {sent}"}).status_code == 200
    problem_of(caller.get("/runs", headers={"accesskey": f"{sent}x"}), 401)


@pytest.mark.parametrize(
    "key", ["", " ", "é", "\xff\xfe", "€", "\U0001f600", "%00", "x" * 100_000, "a,b", "ann:admin:x"]
)
def test_no_key_however_odd_is_more_than_unknown(app, key):
    problem_of(app.test_client().get(f"{API}/runs", environ_overrides={"HTTP_ACCESSKEY": key}), 401)
    problem_of(
        app.test_client().get(f"{API}/runs", environ_overrides={"HTTP_AUTHORIZATION": f"Bearer {key}"}), 401
    )


def test_one_key_alone_is_an_admins(make_app):
    app = make_app(PYPELINE_ACCESS_KEYS=None, PYPELINE_ACCESS_KEY="only")

    assert Caller(app, "only").get("/audit").status_code == 200


@pytest.mark.parametrize("key", [*KEYS.values(), "unknown"])
def test_every_key_is_compared_whichever_is_given(app, monkeypatch, key):
    compared = []
    honest = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda one, other: compared.append(one) or honest(one, other))

    Caller(app, key).get("/pipelines")

    assert len(set(compared)) == len(compared) == len(KEYS)


@GUARDED
def test_no_key_is_ever_logged(app, caplog, operation):
    caplog.set_level(logging.DEBUG)
    for secret in [*KEYS.values(), "a-secret-that-was-guessed"]:
        ask(Caller(app, secret), operation)
        ask(Caller(app), operation, headers={"Authorization": f"Bearer {secret}"})

    assert "secret" not in caplog.text


def test_no_key_is_in_what_is_shown_of_the_extension(app):
    installation = app.extensions["pypeline"]

    shown = f"{installation!r} {vars(installation)!r} {installation.settings!r} {vars(installation.gate)!r}"

    assert not any(secret in shown for secret in KEYS.values())


# — switching a schedule —


def test_an_operator_may_switch_a_schedule_and_nothing_else(app, admin, operator):
    admin.post("/schedules", {"id": "often", "pipeline": "hello", "every": "1 hour"})

    assert operator("PATCH", "/schedules/often", json={"enabled": False}).json["enabled"] is False
    assert operator("PATCH", "/schedules/often", json={"enabled": True}).json["enabled"] is True
    for body in ({"name": "x"}, {"enabled": False, "name": "x"}, {}, {"every": "2 hours"}):
        assert "the role admin" in problem_of(operator("PATCH", "/schedules/often", json=body), 403)
    problem_of(Caller(app, KEYS["reader"])("PATCH", "/schedules/often", json={"enabled": False}), 403)
    assert admin.get("/schedules/often").json["enabled"] is True


# — without keys —


@pytest.fixture
def open_app(make_app):
    """The shop where no key is configured."""
    return make_app(PYPELINE_ACCESS_KEYS=None)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:8000",
        "LOCALHOST",
        "127.0.0.1",
        "127.0.0.1:8000",
        "127.0.0.2:80",
        "[::1]:8000",
        "[::1]",
    ],
)
@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2", "::1"])
def test_who_is_on_this_machine_is_an_admin(open_app, host, address):
    answer = Caller(open_app).get("/audit", headers={"Host": host}, environ_base={"REMOTE_ADDR": address})

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.com",
        "localhost.evil.com",
        "localhost.evil.com:8000",
        "127.0.0.1.evil.com",
        "127.0.0.1:8000.evil.com",
        "evil.com:127.0.0.1",
        "localhostevil.com",
        "evil.com#localhost",
        "localhost@evil.com",
        "127.1@evil.com",
        "192.168.0.7:8000",
        "0.0.0.0:8000",
        "[::2]:8000",
        "[::1].evil.com",
        "",
    ],
)
def test_a_foreign_host_is_refused_as_another_name_for_this_machine(open_app, host):
    problem_of(open_app.test_client().get(f"{API}/runs", environ_overrides={"HTTP_HOST": host}), 401)


@pytest.mark.parametrize(
    "header",
    [
        {"X-Forwarded-For": "127.0.0.1"},
        {"X-Forwarded-Host": "localhost"},
        {"X-Forwarded-Proto": "http"},
        {"X-Forwarded-Port": "8000"},
        {"X-Forwarded-Server": "localhost"},
        {"X-Forwarded-For": ""},
        {"Forwarded": "for=127.0.0.1"},
        {"Via": "1.1 proxy"},
        {"X-Real-IP": "127.0.0.1"},
        {"Origin": "https://evil.com"},
        {"Origin": "http://localhost:3000"},
        {"Origin": "https://localhost"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
    ids=str,
)
def test_what_came_through_a_proxy_or_from_a_foreign_page_is_refused(open_app, header):
    answer = Caller(open_app).post("/pipelines/invoke/hello", {}, headers=header)

    assert "PYPELINE_ACCESS_KEYS" in problem_of(answer, 401)
    assert Caller(open_app).get("/runs").json["runs"] == []


@pytest.mark.parametrize(
    "header", [{"Origin": "http://localhost"}, {"Sec-Fetch-Site": "same-origin"}], ids=str
)
def test_a_page_of_our_own_may_send_requests(open_app, header):
    assert Caller(open_app).post("/pipelines/invoke/hello", {}, headers=header).status_code == 202


@pytest.mark.parametrize(
    "address", ["192.168.0.7", "10.0.0.1", "::2", "fe80::1", "0.0.0.0", "", "unix:", "localhost.evil"]
)
def test_another_machine_is_refused(open_app, address):
    problem_of(Caller(open_app).get("/runs", environ_base={"REMOTE_ADDR": address}), 401)


def test_a_key_opens_nothing_where_none_is_configured(open_app):
    far = {"REMOTE_ADDR": "10.0.0.1"}

    problem_of(Caller(open_app).get("/runs", headers={"accesskey": ""}, environ_base=far), 401)


def test_the_log_says_once_that_no_key_is_configured(open_app, caplog):
    for address in ("127.0.0.1", "10.0.0.1", "127.0.0.1"):
        Caller(open_app).get("/runs", environ_base={"REMOTE_ADDR": address})

    assert [one.levelname for one in caplog.records if "no access key" in one.message] == ["WARNING"]


# — views of the user's own —


@pytest.fixture
def their_view(folder):
    """An application of a user with a view that takes an operator's key, and no API."""
    app = Flask("theirs")
    app.config["PYPELINE_ACCESS_KEYS"] = ",".join(f"{role}:{role}:{key}" for role, key in KEYS.items())
    FlaskPypeline(app)

    @app.get("/theirs/<name>")
    @require_accesskey(role="operator")
    def theirs(name):
        return f"hello {name}"

    return Caller(app, prefix="")


@pytest.mark.parametrize("role", ["operator", "admin"])
def test_a_view_of_the_users_is_guarded_without_the_api_too(their_view, role):
    assert their_view.get("/theirs/x", headers={"accesskey": KEYS[role]}).text == "hello x"


def test_a_view_of_the_users_refuses_others(their_view):
    assert "WWW-Authenticate" in their_view.get("/theirs/x").headers
    problem_of(their_view.get("/theirs/x"), 401)
    assert "operator" in problem_of(their_view.get("/theirs/x", headers={"accesskey": KEYS["reader"]}), 403)


def test_a_guarded_view_takes_a_readers_key_by_default(folder):
    app = Flask("theirs")
    app.config["PYPELINE_ACCESS_KEYS"] = "rita:reader:s"
    FlaskPypeline(app)
    app.add_url_rule("/theirs", view_func=require_accesskey()(lambda: "hello"))

    assert Caller(app, "s", prefix="").get("/theirs").text == "hello"


def test_a_view_may_be_guarded_without_parentheses(folder):
    app = Flask("theirs")
    app.config["PYPELINE_ACCESS_KEYS"] = "rita:reader:s"
    FlaskPypeline(app)

    @app.get("/theirs/<name>")
    @require_accesskey
    def theirs(name):
        return f"hello {name}"

    problem_of(app.test_client().get("/theirs/x"), 401)
    assert Caller(app, "s", prefix="").get("/theirs/x").text == "hello x"


def test_another_role_is_refused_where_the_view_is_made():
    with pytest.raises(ValueError, match="'king' is no role: use one of reader, operator, admin"):
        require_accesskey(role="king")


def test_a_guarded_view_of_an_application_without_pypeline_says_what_to_do():
    app = Flask("plain")
    app.testing = True
    app.add_url_rule("/theirs", view_func=require_accesskey()(lambda: "hello"))

    with pytest.raises(RuntimeError, match=r"call FlaskPypeline\(app\) first"):
        app.test_client().get("/theirs")


def test_a_guarded_view_keeps_its_name_and_its_faults(folder):
    app = Flask("theirs")
    app.testing = True
    FlaskPypeline(app)

    @require_accesskey()
    def breaks():
        raise ZeroDivisionError

    app.add_url_rule("/breaks", view_func=breaks)

    assert breaks.__name__ == "breaks"
    with pytest.raises(ZeroDivisionError):
        app.test_client().get("/breaks")
