"""The API by itself: `pypeline.flask.wsgi` and what it is made of."""

from __future__ import annotations

import subprocess
import sys

import pytest
from flask import request

from flask_shop import ACCESS_KEYS, KEYS, PROBLEM
from pypeline.config import Settings
from pypeline.errors import InvalidSetting
from pypeline.flask.installation import Installation
from pypeline.flask.standalone import standalone

FORWARDED = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"}
SHOW = """
from pypeline.flask.wsgi import app
reply = app.test_client().get("/api/v1/pipelines")
print(reply.status_code, reply.json["pipelines"][0]["pipeline_id"])
"""


@pytest.fixture
def make(folder):
    made = []

    def build(**variables):
        settings = Settings.load({"PYPELINE_DATABASE_URL": f"sqlite:///{folder / 'runs.db'}", **variables})
        made.append(Installation(settings))
        return standalone(made[-1])

    yield build
    for one in made:
        one.link.close()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 404), ("GET", "/static/x", 404), ("POST", "/healthz", 405), ("GET", "/api/v1/none", 404)],
)
def test_every_error_is_a_problem_document(make, method, path, status):
    reply = make().test_client().open(path, method=method)

    assert (reply.status_code, reply.mimetype) == (status, PROBLEM)
    assert reply.headers["X-Content-Type-Options"] == "nosniff"


def seen(app, **headers):
    """What the application takes for the caller's address and scheme."""
    found = []
    app.before_request(lambda: found.append((request.remote_addr, request.scheme)))
    app.test_client().get("/healthz", headers={**FORWARDED, **headers})
    return found[0]


def test_nobody_is_believed_about_who_calls_by_default(make):
    assert seen(make()) == ("127.0.0.1", "http")


def test_as_many_proxies_are_believed_as_there_are(make):
    app = make(PYPELINE_TRUSTED_PROXIES="1", PYPELINE_ACCESS_KEYS=ACCESS_KEYS)

    assert seen(app, **{"X-Forwarded-For": "198.51.100.1, 203.0.113.7"}) == ("203.0.113.7", "https")


def test_a_caller_behind_a_proxy_is_not_local_even_if_the_proxy_is_trusted(make):
    client = make(PYPELINE_TRUSTED_PROXIES="1").test_client()

    claimed = client.get("/readyz", headers={"X-Forwarded-For": "127.0.0.1"})
    direct = client.get("/readyz")

    assert (claimed.status_code, direct.status_code) == (401, 200)


def test_an_address_in_the_audit_is_the_one_that_the_proxy_tells(make):
    client = make(PYPELINE_TRUSTED_PROXIES="1", PYPELINE_ACCESS_KEYS=ACCESS_KEYS).test_client()
    headers = {**FORWARDED, "accesskey": KEYS["admin"]}
    client.post("/api/v1/runs/none/cancel", headers=headers)

    [entry] = client.get("/api/v1/audit", headers=headers).json["entries"]

    assert entry["source"] == "203.0.113.7"


@pytest.mark.parametrize("given", ["-1", "one", "1.5"])
def test_a_number_of_proxies_is_a_number(given):
    with pytest.raises(InvalidSetting, match="PYPELINE_TRUSTED_PROXIES"):
        Settings.load({"PYPELINE_TRUSTED_PROXIES": given})


@pytest.mark.parametrize(
    "variables",
    [
        {"PYPELINE_DATABASE_URL": "mysql://host/shop"},
        {"PYPELINE_DATABASE_URL": "sqlite:///runs.db", "PYPELINE_BROKER_URL": "nope://host"},
    ],
    ids=repr,
)
@pytest.mark.parametrize("program", [["-c", "import pypeline.flask.wsgi"], ["-m", "pypeline.flask.serving"]])
def test_a_server_that_nothing_can_talk_to_is_told_before_anybody_calls(folder, variables, program):
    done = subprocess.run(
        [sys.executable, *program],
        cwd=folder,
        env={"PATH": "", **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    [wrong] = [name for name, url in variables.items() if "host" in url]
    assert done.returncode == (2 if "-m" in program else 1)
    assert f"{wrong}: " in done.stderr.splitlines()[-1]


def test_the_module_for_servers_has_the_application(folder):
    done = subprocess.run(
        [sys.executable, "-c", SHOW], cwd=folder, capture_output=True, text=True, check=False
    )

    assert done.stdout.strip() == "200 fails", done.stderr
