"""Odd things that callers send: each is answered, none breaks anything, on both databases."""

from __future__ import annotations

import pytest

from flask_shop import KEYS, Caller, problem_of
from pypeline.bootstrap import upgrade_database
from pypeline.config import Settings

NUL = "a\0b"
FAR = 10**30


@pytest.fixture(scope="module")
def postgres(postgres_url):
    upgrade_database(Settings.load({"PYPELINE_DATABASE_URL": postgres_url}))
    return postgres_url


@pytest.fixture(params=["sqlite", "postgresql"])
def anywhere(request, make_app):
    """Calls the shop on each database with the key of an admin."""
    if request.param == "sqlite":
        return Caller(make_app(), KEYS["admin"])
    return Caller(make_app(PYPELINE_DATABASE_URL=request.getfixturevalue("postgres")), KEYS["admin"])


@pytest.mark.parametrize(
    "path",
    [
        "/runs?pipeline=%00",
        "/runs?trigger=%00",
        "/audit?actor=%00",
        "/audit?action=%00",
        "/audit?target=%00",
        "/runs?since=0001-01-01T00:00:00%2B14:00",
        "/runs?until=9999-12-31T23:59:59-14:00",
        "/runs?since=2026-01-01T00:00:00",
        "/runs?since=1",
        "/runs?limit=0",
        "/runs?limit=501",
        "/runs?limit=-1",
        f"/runs?limit={FAR}",
        "/runs?limit=1e2",
        "/runs?limit=",
        "/runs?limit=5&limit=5",
        "/runs?state=",
        "/runs?state=RUNNING",
        "/audit?limit=501",
        "/schedules?limit=501",
        "/schedules?source=nowhere",
        "/preview?cron=%00",
        "/preview?cron=* * * *",
        "/preview?cron=*%20*%20*%20*%20*&timezone=Nowhere",
        "/preview?cron=*%20*%20*%20*%20*&timezone=../../etc/passwd",
        "/preview?cron=*%20*%20*%20*%20*&count=0",
        "/preview?cron=*%20*%20*%20*%20*&count=1001",
        "/preview",
    ],
)
def test_a_query_that_cannot_be_answered_is_422(anywhere, path):
    problem_of(anywhere.get(path), 422)


@pytest.mark.parametrize("limit", [1, 500])
@pytest.mark.parametrize("path", ["/pipelines", "/runs", "/schedules", "/audit"])
def test_a_list_takes_a_limit_of_1_to_500(anywhere, path, limit):
    assert anywhere.get(f"{path}?limit={limit}").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/tasks/publish", {"task": NUL}),
        ("POST", "/tasks/publish", {"task": "flask_shop.greet", "queue": NUL}),
        ("POST", "/tasks/publish", {"task": "flask_shop.greet", "queue": ""}),
        ("POST", "/tasks/publish", {"task": "flask_shop.greet", "queue": "ü" * 128}),
        ("POST", "/tasks/publish", {"task": "flask_shop.greet", "max_ttl": 0}),
        ("POST", "/tasks/publish", {"task": "flask_shop.greet", "max_ttl": 1e300}),
        ("POST", "/tasks/publish", {"task": "flask_shop.greet", "payload": [1]}),
        ("POST", "/schedules", {"id": NUL, "pipeline": "hello", "every": "1 hour"}),
        ("POST", "/schedules", {"id": ".", "pipeline": "hello", "every": "1 hour"}),
        ("POST", "/schedules", {"id": "..", "pipeline": "hello", "every": "1 hour"}),
        ("POST", "/schedules", {"id": "a b", "pipeline": "hello", "every": "1 hour"}),
        ("POST", "/schedules", {"id": "a\n", "pipeline": "hello", "every": "1 hour"}),
        ("POST", "/schedules", {"id": "x" * 201, "pipeline": "hello", "every": "1 hour"}),
        ("POST", "/schedules", {"id": "s", "pipeline": "hello", "every": "1 hour", "name": NUL}),
        ("POST", "/schedules", {"id": "s", "pipeline": "hello", "every": f"{FAR} hours"}),
        ("POST", "/schedules", {"id": "s", "task": "flask_shop.greet", "every": "1 hour", "queue": NUL}),
        ("POST", "/schedules", {"id": "s", "pipeline": "hello", "every": "1 hour", "expires": 1e300}),
        ("POST", "/schedules", {"id": "s", "pipeline": "hello", "every": "1 hour", "start_at": NUL}),
        (
            "POST",
            "/schedules",
            {"id": "s", "pipeline": "hello", "at": "9999-12-31T23:59", "timezone": "America/Lima"},
        ),
        ("PUT", "/schedules/a%20b", {"pipeline": "hello", "every": "1 hour"}),
        ("POST", "/pipelines/invoke/hello", {"task_replacements": {NUL: 0}}),
        ("POST", "/pipelines/invoke/hello", {"task_replacements": {"greet": FAR}}),
        ("POST", "/pipelines/invoke/hello", {"task_replacements": {"greet": -1}}),
        ("POST", "/pipelines/invoke/hello", {"task_replacements": {"greet": True}}),
        ("POST", "/pipelines/invoke/hello", {"chain_payload": None}),
        ("POST", "/pipelines/invoke/hello", [1]),
        ("POST", "/pipelines/invoke/hello", "text"),
    ],
    ids=repr,
)
def test_a_body_that_cannot_be_used_is_422_and_nothing_is_made(anywhere, method, path, body):
    before = anywhere.get("/runs").json["runs"]

    problem_of(anywhere(method, path, json=body), 422)

    assert anywhere.get("/runs").json["runs"] == before
    assert anywhere.get("/schedules").json["schedules"] == []


@pytest.mark.parametrize(
    "value",
    [
        NUL,
        "\U0001f600",
        "\x01",
        "'; drop table pypeline_run; --",
        2**63,
        -(2**70),
        0.1,
        1e308,
        None,
        [],
        {"": {}},
    ],
)
def test_a_payload_may_hold_what_json_holds(anywhere, value):
    run_id = anywhere.invoke("hello", {"x": value})

    assert anywhere.get("/runs?limit=1").json["runs"][0]["execution_id"] == run_id
    assert anywhere.get("/runs?limit=1").json["runs"][0]["payload"] == {"x": value}


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "x" * 7000, "\xe9", "a\tb"])
def test_an_idempotency_key_that_cannot_be_kept_is_422(anywhere, key):
    headers = {"HTTP_IDEMPOTENCY_KEY": key}

    problem_of(anywhere.post("/pipelines/invoke/hello", {}, environ_overrides=headers), 422)


def test_an_idempotency_key_may_have_255_characters(anywhere):
    answers = [
        anywhere.post("/pipelines/invoke/hello", {}, headers={"Idempotency-Key": "k" * 255}) for _ in "12"
    ]

    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json == answers[1].json


@pytest.mark.parametrize(
    ("name", "status"), [("nothing", 404), ("%00", 422), ("' or 1=1 --", 404), ("x" * 5000, 404)]
)
def test_a_node_that_is_not_there_is_no_fault_of_ours(anywhere, name, status):
    run_id = anywhere.invoke()

    problem_of(anywhere.get(f"/runs/{run_id}/nodes?node={name}"), status)
