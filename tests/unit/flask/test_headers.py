"""The headers of every answer of ours, and of nobody else's."""

from __future__ import annotations

import pytest
from flask import Flask

from flask_shop import API, KEYS, Caller
from pypeline.flask.headers import SECURITY_HEADERS, protect

EVERYWHERE = {
    "/healthz": 200,
    "/readyz": 200,
    "/metrics": 200,
    f"{API}/pipelines": 200,
    f"{API}/runs/unknown": 404,
    f"{API}/runs/unknown/nothing": 404,
    f"{API}/runs?limit=x": 422,
}


@pytest.fixture
def admin(app):
    """Calls any path of the application with the key of an admin."""
    return Caller(app, KEYS["admin"], prefix="")


@pytest.mark.parametrize("path", EVERYWHERE)
def test_an_answer_of_ours_has_them(admin, path):
    reply = admin.get(path)

    assert reply.status_code == EVERYWHERE[path]
    assert dict(reply.headers.items()).items() >= dict(SECURITY_HEADERS).items()


def test_a_refusal_has_them(app):
    reply = app.test_client().get("/readyz")

    assert reply.status_code == 401
    assert dict(reply.headers.items()).items() >= dict(SECURITY_HEADERS).items()


def test_what_the_application_answers_itself_has_none(app):
    @app.get("/theirs")
    def theirs():
        return "theirs"

    found = [dict(app.test_client().get(path).headers) for path in ("/theirs", "/nowhere")]

    assert [set(headers) & set(SECURITY_HEADERS) for headers in found] == [set(), set()]


def test_a_policy_that_a_page_sets_itself_stays():
    page = Flask("a").response_class(headers={"Content-Security-Policy": "default-src 'self'"})

    assert protect(page).headers["Content-Security-Policy"] == "default-src 'self'"


@pytest.mark.parametrize("debug", [False, True])
def test_no_answer_tells_where_it_failed(admin, app, monkeypatch, debug):
    def fail(*_):
        raise ZeroDivisionError("the secret of the machine room")

    app.debug = debug
    monkeypatch.setattr(type(app.extensions["pypeline"].link), "config", fail)

    reply = admin.get(f"{API}/pipelines")

    assert reply.status_code == 500
    assert reply.mimetype == "application/problem+json"
    assert "Zero" not in reply.text
    assert "machine room" not in reply.text
