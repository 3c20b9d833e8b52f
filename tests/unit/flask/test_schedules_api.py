"""Schedules over HTTP: made, changed, switched, run and looked at."""

from __future__ import annotations

import sqlite3
from datetime import datetime

import pytest

from flask_shop import API, KEYS, Caller, problem_of
from pypeline.bootstrap import build
from pypeline.config import load_config
from pypeline.flask.models.runs import Invoked
from pypeline.flask.models.schedules import DueTimes, History, Schedule, SchedulePage

HOURLY = {"pipeline": "hello", "every": "1 hour"}


@pytest.fixture
def hourly(admin):
    """The id of a schedule of a user's."""
    admin.post("/schedules", {"id": "hourly", **HOURLY})
    return "hourly"


@pytest.fixture
def nightly(app, folder):
    """The id of a schedule of the configuration, which a scheduler brought in."""
    settings = app.extensions["pypeline"].settings
    with build(settings, load_config(folder / "sermos.yaml")) as system:
        system.application.schedules.bring_in()
    return "nightly"


def same(document, model):
    """The document, which is as the model says."""
    assert model.model_validate(document).model_dump(mode="json") == document
    return document


# — making —


def test_a_schedule_is_made_and_is_where_its_location_says(admin):
    answer = admin.post("/schedules", {"id": "s.1_a-b", "task": "flask_shop.greet", "cron": "30 2 * * *"})

    assert answer.status_code == 201
    assert answer.headers["Location"] == f"{API}/schedules/s.1_a-b"
    document = same(answer.json, Schedule)
    assert admin.client.get(answer.headers["Location"]).json == document
    assert document["target"] == {"task": "flask_shop.greet"}
    assert document["schedule"] == {"type": "cron", "cron": "30 2 * * *"}
    assert (document["enabled"], document["source"], document["count"]) == (True, "user", 0)
    assert document["next_at"]


def test_a_schedule_may_say_everything(admin):
    said = {
        "id": "s",
        "name": "All of it",
        "task": "flask_shop.greet",
        "every": "5 minutes",
        "timezone": "Europe/Berlin",
        "queue": "slow",
        "payload": {"name": "ann"},
        "misfire": "all",
        "misfire_grace": 5,
        "overlap": "skip",
        "start_at": "2030-01-01T00:00",
        "end_at": "2031-01-01T00:00",
        "expires": 60,
        "enabled": False,
    }

    document = same(admin.post("/schedules", said).json, Schedule)

    told = {name: document[name] for name in said if name in document and name != "every"}
    assert told == {name: value for name, value in said.items() if name in told}
    assert document["schedule"] == {"type": "interval", "every": 5, "period": "minutes"}
    assert document["next_at"] is None


def test_an_id_that_is_taken_is_409_and_changes_nothing(admin, hourly):
    problem_of(admin.post("/schedules", {"id": hourly, "pipeline": "squares", "every": "2 hours"}), 409)

    assert admin.get(f"/schedules/{hourly}").json["target"] == {"pipeline": "hello"}


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"task": "flask_shop.gret"}, "greet"),
        ({"task": "os.system"}, "registeredTasks"),
        ({"task": "flask_shop.wait_until"}, "no registered task"),
        ({"pipeline": "nothing"}, "no pipeline"),
        ({"pipeline": "hello", "task": "flask_shop.greet"}, "exclude each other"),
        ({"pipeline": "strict"}, "day"),
        ({"pipeline": "hello", "cron": "* * * * *"}, "exclude each other"),
        ({"pipeline": "hello", "queue": "q"}, "queue"),
        ({"task": "flask_shop.greet", "queue": "q" * 256}, "256 bytes"),
        ({"pipeline": "hello", "timezone": "Nowhere/Land"}, "Nowhere/Land"),
        ({"pipeline": "hello", "misfire": "never"}, "misfire"),
        ({"pipeline": "hello", "end_at": "2000-01-01T00:00"}, "end_at"),
        ({"pipeline": "hello", "color": "red"}, "color"),
        ({}, "`task` or `pipeline`"),
    ],
    ids=str,
)
def test_what_cannot_be_started_or_timed_is_422_and_not_kept(admin, body, word):
    answer = admin.post("/schedules", {"id": "s", "every": "1 hour", **body})

    assert word in problem_of(answer, 422)
    assert admin.get("/schedules").json["schedules"] == []


def test_every_fault_of_a_schedule_is_told(admin):
    detail = problem_of(
        admin.post("/schedules", {"id": "s", "every": "often", "timezone": "X", "expires": -1}), 422
    )

    assert all(word in detail for word in ("often", "`X`", "expires", "pipeline"))


# — the whole of it, anew —


def test_put_makes_a_schedule_that_is_not_there(admin):
    answer = admin("PUT", "/schedules/s", json=HOURLY)

    assert answer.status_code == 201
    assert answer.headers["Location"] == f"{API}/schedules/s"
    assert admin.get("/schedules/s").json == same(answer.json, Schedule)


def test_put_sets_what_is_left_out_to_its_default(admin):
    admin.post(
        "/schedules",
        {"id": "s", **HOURLY, "name": "x", "overlap": "skip", "payload": {"a": 1}, "enabled": False},
    )

    answer = admin("PUT", "/schedules/s", json={"pipeline": "squares", "cron": "0 * * * *"})

    assert answer.status_code == 200
    document = answer.json
    assert (document["name"], document["overlap"], document["payload"]) == (None, "allow", {})
    assert (document["enabled"], document["target"]) == (True, {"pipeline": "squares"})


def test_put_twice_is_as_once(admin):
    first, second = (admin("PUT", "/schedules/s", json=HOURLY) for _ in range(2))

    assert (first.status_code, second.status_code) == (201, 200)
    changed = {name for name in first.json if first.json[name] != second.json[name]}
    assert changed <= {"updated_at", "next_at"}


def test_put_takes_no_id_beside_that_of_the_path(admin):
    problem_of(admin("PUT", "/schedules/s", json={"id": "other", **HOURLY}), 422)


# — parts of it —


def test_patch_changes_what_is_said_and_nothing_else(admin, hourly):
    before = admin.get(f"/schedules/{hourly}").json

    after = admin("PATCH", f"/schedules/{hourly}", json={"name": "Every hour"}).json

    assert {name for name in before if before[name] != after[name]} <= {"name", "updated_at", "next_at"}
    assert after["name"] == "Every hour"


@pytest.mark.parametrize(
    ("name", "value", "default"),
    [
        ("name", "x", None),
        ("payload", {"a": 1}, {}),
        ("overlap", "skip", "allow"),
        ("misfire", "all", "latest"),
        ("misfire_grace", 5, 60.0),
        ("expires", 5, None),
        ("start_at", "2030-01-01T00:00", None),
        ("end_at", "2040-01-01T00:00", None),
        ("timezone", "Europe/Berlin", "UTC"),
    ],
)
def test_null_takes_away_what_was_there(admin, hourly, name, value, default):
    assert admin("PATCH", f"/schedules/{hourly}", json={name: value}).json[name] == value

    assert admin("PATCH", f"/schedules/{hourly}", json={name: None}).json[name] == default


@pytest.mark.parametrize("body", [{"pipeline": None}, {"every": None}, {"enabled": None}, {"id": "other"}])
def test_what_a_schedule_cannot_be_without_is_not_taken_away(admin, hourly, body):
    problem_of(admin("PATCH", f"/schedules/{hourly}", json=body), 422)


def test_one_target_or_timing_gives_way_to_another(admin, hourly):
    answer = admin("PATCH", f"/schedules/{hourly}", json={"task": "flask_shop.greet", "cron": "* * * * *"})

    assert answer.json["target"] == {"task": "flask_shop.greet"}
    assert answer.json["schedule"]["type"] == "cron"


def test_switching_off_and_on_keeps_the_rest(admin, operator, hourly):
    before = admin.get(f"/schedules/{hourly}").json

    off = operator("PATCH", f"/schedules/{hourly}", json={"enabled": False}).json
    on = operator("PATCH", f"/schedules/{hourly}", json={"enabled": True}).json

    assert (off["enabled"], off["next_at"]) == (False, None)
    assert (on["enabled"], on["next_at"] is None) == (True, False)
    assert {name for name in before if before[name] != on[name]} <= {"updated_at", "next_at"}


# — those of the configuration —


def test_a_schedule_of_the_file_can_be_switched_and_not_changed(admin, nightly):
    path = f"/schedules/{nightly}"
    before = admin.get(path).json

    for method, body in [
        ("PATCH", {"name": "x"}),
        ("PATCH", {"enabled": False, "name": "x"}),
        ("PUT", HOURLY),
        ("DELETE", None),
    ]:
        assert "sermos.yaml" in problem_of(admin(method, path, json=body), 422)

    assert admin.get(path).json == before
    assert admin("PATCH", path, json={"enabled": False}).json["enabled"] is False
    assert before["source"] == "file"


def test_schedules_are_listed_by_their_source(admin, hourly, nightly):
    def names(query=""):
        document = admin.get(f"/schedules{query}").json
        return [one["id"] for one in same(document, SchedulePage)["schedules"]]

    assert names() == ["hourly", "nightly"]
    assert names("?source=file") == ["nightly"]
    assert names("?source=user") == ["hourly"]


# — deleting, running —


def test_a_schedule_is_deleted_and_its_runs_stay(admin, hourly):
    run_id = admin.post(f"/schedules/{hourly}/run").json["execution_id"]

    answer = admin("DELETE", f"/schedules/{hourly}")

    assert (answer.status_code, answer.data) == (204, b"")
    problem_of(admin.get(f"/schedules/{hourly}"), 404)
    assert admin.get(f"/runs/{run_id}").status_code == 200


def test_a_schedule_is_run_now_also_where_it_is_off(admin, operator, hourly):
    off = admin("PATCH", f"/schedules/{hourly}", json={"enabled": False, "payload": {"name": "ann"}}).json

    answer = operator("POST", f"/schedules/{hourly}/run")

    assert answer.status_code == 202
    run_id = same(answer.json, Invoked)["execution_id"]
    assert answer.json["pipeline_id"] == "hello"
    run = admin.client.get(answer.headers["Location"]).json
    assert (run["execution_id"], run["trigger"], run["payload"]) == (
        run_id,
        "schedule:hourly",
        {"name": "ann"},
    )
    after = admin.get(f"/schedules/{hourly}").json
    assert after["last_run"] == {"execution_id": run_id, "state": "pending"}
    assert (after["enabled"], after["next_at"]) == (False, off["next_at"])


def test_a_schedule_runs_where_the_application_runs_its_handlers(worked):
    worked.post(
        "/schedules", {"id": "s", "task": "flask_shop.greet", "every": "1 hour", "queue": "of-its-own"}
    )

    run_id = worked.post("/schedules/s/run").json["execution_id"]

    assert worked.ended(run_id)["status"] == "success"


def test_a_schedule_whose_target_is_gone_is_not_run(make_app, folder):
    Caller(make_app(), KEYS["admin"]).post("/schedules", {"id": "s", **HOURLY})
    path = folder / "sermos.yaml"
    path.write_text(path.read_text().replace("  hello:", "  bye:"))
    caller = Caller(make_app(), KEYS["admin"])

    assert "no pipeline 'hello'" in problem_of(caller.post("/schedules/s/run"), 422)
    assert caller.get("/runs").json["runs"] == []
    assert caller.get("/schedules/s").json["target"] == {"pipeline": "hello"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("POST", "/run"),
        ("GET", "/upcoming"),
        ("GET", "/history"),
    ],
)
def test_a_schedule_that_is_not_there_is_404(admin, method, path):
    body = {"json": {"enabled": True}} if method == "PATCH" else {}

    assert "nothing" in problem_of(admin(method, f"/schedules/nothing{path}", **body), 404)


# — times —


def test_upcoming_times_are_soonest_first(admin):
    admin.post(
        "/schedules", {"id": "s", "pipeline": "hello", "cron": "0 12 * * *", "timezone": "Europe/Berlin"}
    )

    document = same(admin.get("/schedules/s/upcoming?count=3").json, DueTimes)

    times = [datetime.fromisoformat(one["due_at"]) for one in document["upcoming"]]
    assert len(times) == 3
    assert times == sorted(times)
    assert all("T12:00:00" in one["local"] for one in document["upcoming"])
    assert document["timezone"] == "Europe/Berlin"


def test_a_schedule_that_is_off_has_no_upcoming_times(admin, hourly):
    admin("PATCH", f"/schedules/{hourly}", json={"enabled": False})

    assert admin.get(f"/schedules/{hourly}/upcoming").json["upcoming"] == []


@pytest.mark.parametrize("count", [0, 1001, "x"])
def test_a_count_of_times_is_from_1_to_1000(admin, hourly, count):
    problem_of(admin.get(f"/schedules/{hourly}/upcoming?count={count}"), 422)
    problem_of(admin.get(f"/preview?cron=0+0+*+*+*&count={count}"), 422)


def test_a_preview_needs_no_schedule(reader):
    query = {"cron": "30 2 * * *", "timezone": "Europe/Berlin", "count": 1000}

    document = same(reader.get("/preview", query_string=query).json, DueTimes)

    assert len(document["upcoming"]) == 1000
    assert any(one["note"] for one in document["upcoming"])


def test_the_history_of_a_schedule_is_newest_first_and_has_pages(admin, folder, hourly):
    run_id = admin.post(f"/schedules/{hourly}/run").json["execution_id"]
    due = [f"2026-01-0{day}T00:00:00.000000Z" for day in range(1, 6)]
    settle(folder / "runs.db", hourly, [(at, run_id if at == due[0] else None) for at in due])

    first = same(admin.get(f"/schedules/{hourly}/history?limit=3").json, History)
    second = same(admin.get(f"/schedules/{hourly}/history?limit=2&cursor={first['next']}").json, History)

    assert [one["due_at"] for one in first["history"] + second["history"]] == due[::-1]
    assert second["next"] is None
    assert second["history"][-1]["run"]["execution_id"] == run_id
    assert first["history"][0]["run"] is None
    problem_of(admin.get(f"/schedules?cursor={first['next']}"), 422)
    problem_of(
        admin.get(f"/schedules/{hourly}/history?cursor={admin.get('/runs?limit=1').json['next'] or 'x'}"), 422
    )


def settle(database, schedule_id, occurrences):
    """Write down due times that were settled, as a scheduler does."""
    rows = [(schedule_id, at, at, run_id) for at, run_id in occurrences]
    with sqlite3.connect(database) as connection:
        connection.executemany("insert into pypeline_occurrence values ('shop', ?, ?, ?, ?, null)", rows)
    connection.close()


@pytest.mark.parametrize(
    "cron", ["", "* * * *", "60 * * * *", "* * * * * *", "@noon", "0 0 30 2 *", "x y z a b"]
)
def test_fields_that_name_no_times_are_422(reader, cron):
    problem_of(reader.get("/preview", query_string={"cron": cron}), 422)
