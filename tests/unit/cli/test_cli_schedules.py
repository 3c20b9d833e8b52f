"""`schedules …` on a database of the folder: what users say, what they see."""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from pypeline.bootstrap import build
from pypeline.cli import main
from pypeline.cli.completing import handler_names, schedule_ids, zone_names
from pypeline.cli.opening import read_config
from pypeline.config import Settings

CONFIG = """\
serviceConfig:
  - name: demo
    registeredTasks:
      - handler: cli_schedules_tasks.tick
      - handler: cli_schedules_tasks.fails
pipelines:
  demo-pipeline:
    config:
      metadata: {queue: q, maxRetry: 0}
      dagAdjacency: {tick: []}
      taskDefinitions: {tick: {handler: cli_schedules_tasks.tick}}
scheduledTasks:
  nightly:
    name: Nightly load
    config:
      scheduleType: crontab
      pipeline: demo-pipeline
      timezone: Europe/Berlin
      schedule: {minute: '0', hour: '2'}
"""
TASKS = "def tick(event): return event.get('n', 0)\ndef fails(event): raise ValueError('no luck')\n"
TICK = ("--task", "cli_schedules_tasks.tick")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "cli_schedules_tasks", raising=False)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    (tmp_path / "sermos.yaml").write_text(CONFIG)
    (tmp_path / "cli_schedules_tasks.py").write_text(TASKS)
    yield tmp_path
    sys.modules.pop("cli_schedules_tasks", None)
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def file_schedules(folder):
    """The file's schedules are in the database, as a scheduler leaves them."""
    with _system() as system:
        system.application.schedules.bring_in()


def schedules(*arguments, columns=None):
    env = {} if columns is None else {"COLUMNS": str(columns)}
    return CliRunner(env=env).invoke(main, ["schedules", *arguments])


def create(schedule_id, *arguments):
    done = schedules("create", schedule_id, *arguments)
    assert done.exit_code == 0, done.stderr
    return done


def document(schedule_id):
    return json.loads(schedules("show", schedule_id, "--json").stdout)


def test_a_schedule_is_made_and_listed():
    create("ticks", *TICK, "--every", "30 seconds", "--payload", '{"n": 1}')

    (listed,) = json.loads(schedules("list", "--json").stdout)["schedules"]

    ahead = datetime.fromisoformat(listed["next_at"]) - datetime.now(UTC)
    assert timedelta(0) < ahead <= timedelta(seconds=30)
    expected = {
        "id": "ticks",
        "name": None,
        "enabled": True,
        "target": {"task": "cli_schedules_tasks.tick"},
        "queue": None,
        "schedule": {"type": "interval", "every": 30, "period": "seconds"},
        "timezone": "UTC",
        "last_at": None,
        "last_run": None,
        "count": 0,
        "source": "user",
        "problem": None,
    }
    assert {name: listed[name] for name in expected} == expected


def test_everything_can_be_said_of_a_schedule():
    create(
        "all",
        "--pipeline=demo-pipeline",
        "--cron=30 2 * * mon",
        "--timezone=Europe/Berlin",
        '--payload={"day": "yesterday"}',
        "--misfire=skip",
        "--misfire-grace=2m",
        "--overlap=skip",
        "--start-at=2026-01-01T00:00",
        "--end-at=2099-01-01T00:00",
        "--expires=1h",
        "--name=All of it",
        "--disabled",
    )

    said = document("all")

    assert said["target"] == {"pipeline": "demo-pipeline"}
    assert said["schedule"] == {"type": "cron", "cron": "30 2 * * mon"}
    assert (said["misfire"], said["misfire_grace"], said["overlap"]) == ("skip", 120.0, "skip")
    assert (said["start_at"], said["end_at"]) == ("2026-01-01T00:00", "2099-01-01T00:00")
    assert (said["expires"], said["name"], said["enabled"]) == (3600.0, "All of it", False)
    assert (said["timezone"], said["payload"], said["next_at"]) == (
        "Europe/Berlin",
        {"day": "yesterday"},
        None,
    )


def test_an_update_changes_what_it_says_and_nothing_else():
    create("ticks", *TICK, "--every", "30 seconds", "--queue", "slow", "--payload", '{"n": 1}')
    before = document("ticks")

    done = schedules("update", "ticks", "--every", "2 hours", "--json")

    after = json.loads(done.stdout)
    assert after["schedule"] == {"type": "interval", "every": 2, "period": "hours"}
    same = ("target", "queue", "payload", "misfire", "created_at", "enabled")
    assert [after[name] for name in same] == [before[name] for name in same]


def test_an_empty_text_takes_a_value_away():
    create("ticks", *TICK, "--every", "30 seconds", "--queue", "slow", "--expires", "5m", "--name", "Ticks")

    schedules("update", "ticks", "--queue", "", "--expires", "", "--name", "")

    after = document("ticks")
    assert (after["queue"], after["expires"], after["name"]) == (None, None, None)


def test_a_grace_of_nothing_is_a_grace():
    create("ticks", *TICK, "--every", "30 seconds", "--misfire-grace", "0")

    assert document("ticks")["misfire_grace"] == 0


def test_an_update_that_says_nothing_is_refused():
    create("ticks", *TICK, "--every", "30 seconds")

    done = schedules("update", "ticks")

    assert done.exit_code == 2
    assert "nothing is said that should change" in done.stderr


def test_a_schedule_is_switched_off_and_on():
    create("ticks", *TICK, "--every", "30 seconds")

    off = schedules("disable", "ticks")
    while_off = document("ticks")
    on = schedules("enable", "ticks")

    assert off.stdout == "Schedule ticks is off. Runs that it started go on.\n"
    assert (while_off["enabled"], while_off["next_at"]) == (False, None)
    assert on.stdout.startswith("Schedule ticks is on. Next in ")
    assert datetime.fromisoformat(document("ticks")["next_at"]) > datetime.now(UTC)


def test_a_schedule_is_deleted_and_its_name_is_free():
    create("ticks", *TICK, "--every", "30 seconds")

    done = schedules("delete", "ticks")

    assert (done.exit_code, done.stdout) == (0, "Schedule ticks is deleted. Its runs stay.\n")
    assert json.loads(schedules("list", "--json").stdout) == {"schedules": []}
    create("ticks", *TICK, "--every", "1 hour")


def test_a_schedule_of_the_file_is_changed_there(file_schedules):
    changed = schedules("update", "nightly", "--every", "1 hour")
    deleted = schedules("delete", "nightly")

    assert (changed.exit_code, deleted.exit_code) == (2, 2)
    assert "set in sermos.yaml" in changed.stderr
    assert "set in sermos.yaml" in deleted.stderr


def test_a_schedule_of_the_file_can_be_switched(file_schedules):
    schedules("disable", "nightly")

    assert document("nightly")["enabled"] is False


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["create", "x", *TICK], "every"),
        (["create", "x", "--every", "1 hour"], "task"),
        (["create", "x", *TICK, "--every", "1 hour", "--cron", "@daily"], "exclude each other"),
        (["create", "x", *TICK, "--every", "50000 microseconds"], "too short"),
        (
            ["create", "x", "--task", "cli_schedules_tasks.tikc", "--every", "1 hour"],
            "cli_schedules_tasks.tikc",
        ),
        (["create", "x", "--pipeline", "nothing", "--every", "1 hour"], "nothing"),
        (["create", "x", *TICK, "--every", "1 hour", "--payload", "[1]"], "JSON object"),
        (["create", "x", *TICK, "--every", "1 hour", "--expires", "soon"], "no duration"),
        (["create", "x", *TICK, "--every", "1 hour", "--misfire", "none"], "latest"),
        (["create", "x", *TICK, "--at", "2020-01-01T00:00"], "later time"),
        (["create", "a b", *TICK, "--every", "1 hour"], "letters"),
        (["show", "nothing"], "pypeline schedules list"),
        (["run", "nothing"], "pypeline schedules list"),
        (["delete", "nothing"], "pypeline schedules list"),
        (["enable", "nothing"], "pypeline schedules list"),
    ],
)
def test_bad_input_is_one_line_that_says_what_to_do(arguments, said):
    done = schedules(*arguments)

    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_id_that_is_taken_is_refused():
    create("ticks", *TICK, "--every", "30 seconds")

    done = schedules("create", "ticks", *TICK, "--every", "1 hour")

    assert done.exit_code == 2
    assert "pypeline schedules update" in done.stderr


def test_who_makes_a_schedule_hears_that_nothing_would_start_it():
    done = create("ticks", *TICK, "--every", "30 seconds")

    assert done.stderr == (
        "warning: no scheduler runs, so nothing starts what is due: start one with `pypeline dev`\n"
    )


def test_nobody_is_warned_while_a_scheduler_runs():
    with _system() as system:
        system.store.schedules.beat("host:1", "0")

    assert create("ticks", *TICK, "--every", "30 seconds").stderr == ""


def test_nobody_is_warned_about_a_schedule_that_is_off():
    assert create("ticks", *TICK, "--every", "30 seconds", "--disabled").stderr == ""


def test_a_wide_terminal_has_a_line_for_each_schedule(file_schedules):
    create("ticks", *TICK, "--every", "30 seconds")

    lines = schedules("list", columns=140).stdout.splitlines()

    assert lines[0].split()[:4] == ["schedule", "starts", "when", "zone"]
    assert [line.split()[:2] for line in lines[1:]] == [["on", "nightly"], ["on", "ticks"]]
    assert ", 02:00 " in lines[1]
    assert "every 30 seconds" in lines[2]
    assert all(len(line) <= 140 for line in lines)


def test_a_narrow_terminal_has_a_few_lines_for_each(file_schedules):
    create("ticks", *TICK, "--every", "30 seconds")

    lines = schedules("list", columns=80).stdout.splitlines()

    assert [line.split()[1] for line in lines if line.startswith("on")] == ["nightly", "ticks"]
    assert any(line.strip().startswith("next in") and "UTC)" in line for line in lines)
    assert all(len(line) <= 80 for line in lines)


def test_what_the_scheduler_switched_off_shows_why(folder):
    create("ticks", *TICK, "--every", "30 seconds")
    with _system() as system:
        system.store.schedules.switch_off("ticks", "there is no task demo.gone")

    lines = schedules("list").stdout.splitlines()

    assert lines[1].startswith("off")
    assert lines[2].strip() == "switched off by the scheduler: there is no task demo.gone"
    assert "there is no task demo.gone" in schedules("show", "ticks").stdout


def test_one_that_has_had_its_times_says_so(folder):
    create("fin", *TICK, "--at", "2099-05-01T08:00")
    with closing(sqlite3.connect(folder / "pypeline.db")) as database, database:
        database.execute("UPDATE pypeline_schedule SET timing = '2020-05-01T08:00'")
    unplanned = schedules("show", "fin").stdout
    with closing(sqlite3.connect(folder / "pypeline.db")) as database, database:
        database.execute("UPDATE pypeline_schedule SET planned = plan_key, next_at = NULL")

    assert "planned at once" in unplanned
    assert "no more times" in schedules("show", "fin").stdout
    assert "no more times" in schedules("list", columns=200).stdout
    assert "no more times" in schedules("list", columns=40).stdout
    assert "is on. It has no more times.\n" in schedules("update", "fin", "--name", "hello").stdout


def test_one_whose_row_cannot_be_read_is_shown_beside_the_others(folder):
    create("a", *TICK, "--every", "1 day")
    create("b", *TICK, "--every", "1 day")
    with closing(sqlite3.connect(folder / "pypeline.db")) as database, database:
        database.execute("UPDATE pypeline_schedule SET created_at = 'garbage' WHERE id = 'a'")

    listed = schedules("list", columns=200)

    assert listed.exit_code == 0
    assert "the scheduler cannot use it: its row cannot be read: created_at is no time" in listed.stdout
    assert "its row cannot be read" in document("a")["problem"]


def test_enabling_forgets_the_problem(folder):
    create("ticks", *TICK, "--every", "30 seconds")
    with _system() as system:
        system.store.schedules.switch_off("ticks", "broken")

    schedules("enable", "ticks")

    after = document("ticks")
    assert (after["enabled"], after["problem"]) == (True, None)


def test_an_empty_list_says_how_it_fills():
    done = schedules("list")

    assert (done.exit_code, done.stdout) == (0, "")
    assert "`pypeline schedules create ID` makes one" in done.stderr


def test_a_schedule_is_shown_with_its_next_times(file_schedules):
    shown = schedules("show", "nightly", columns=140).stdout

    assert shown.splitlines()[0] == "on  nightly  Nightly load"
    assert "pipeline demo-pipeline" in shown
    assert "both day fields must match" in shown
    assert shown.count(", 02:00 CE") >= 10


def test_the_document_of_one_has_its_times_and_its_history(file_schedules):
    said = document("nightly")

    assert len(said["upcoming"]) == 10
    assert said["upcoming"][0]["due_at"] == said["next_at"]
    assert said["history"] == []


def test_no_times_are_computed_where_none_are_wanted(file_schedules):
    done = schedules("show", "nightly", "--count", "0", "--json")

    assert json.loads(done.stdout)["upcoming"] == []


def test_a_run_now_is_done_here_and_its_id_printed():
    create("ticks", *TICK, "--every", "1 hour", "--payload", '{"n": 7}')
    before = document("ticks")

    done = schedules("run", "ticks")

    run = json.loads(CliRunner().invoke(main, ["show", done.stdout.strip(), "--json"]).stdout)
    after = document("ticks")
    assert done.exit_code == 0, done.stderr
    assert (run["state"], run["trigger"], run["nodes"][0]["result"]) == ("success", "schedule:ticks", 7)
    assert after["last_run"] == {"execution_id": run["execution_id"], "state": "success"}
    assert (after["next_at"], after["count"]) == (before["next_at"], 0)


def test_a_run_now_that_fails_says_so_with_its_exit_code(folder):
    config = CONFIG.replace("handler: cli_schedules_tasks.tick}}", "handler: cli_schedules_tasks.fails}}")
    (folder / "sermos.yaml").write_text(config)
    create("fails", "--pipeline", "demo-pipeline", "--every", "1 hour", "--disabled")

    done = schedules("run", "fails")

    assert done.exit_code == 1
    assert len(done.stdout.split()) == 1
    assert "ValueError: no luck" in done.stderr.splitlines()[-1]


def test_ids_are_completed(folder):
    create("ticks", *TICK, "--every", "1 hour", "--disabled")
    create("tocks", "--pipeline", "demo-pipeline", "--every", "1 hour", "--disabled")

    assert [(one.value, one.help) for one in schedule_ids("to")] == [("tocks", "pipeline demo-pipeline")]


def test_completing_makes_no_database(folder):
    assert schedule_ids("") == []
    assert not (folder / "pypeline.db").exists()


def test_handlers_and_zones_are_completed():
    assert [one.value for one in handler_names(None, "cli_schedules_tasks.t")] == ["cli_schedules_tasks.tick"]
    assert "Europe/Berlin" in [one.value for one in zone_names("Europe/B")]


def test_many_schedules_are_listed_whole(folder):
    create("first", *TICK, "--every", "1 hour", "--disabled")
    with closing(sqlite3.connect("pypeline.db")) as database, database:
        columns = [row[1] for row in database.execute("PRAGMA table_info(pypeline_schedule)")]
        copied = ", ".join(columns)
        chosen = ", ".join("'s' || value" if name == "id" else name for name in columns)
        database.execute(
            f"WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < 1500) "
            f"INSERT INTO pypeline_schedule ({copied}) SELECT {chosen} FROM pypeline_schedule, n"
        )

    assert len(json.loads(schedules("list", "--json").stdout)["schedules"]) == 1501


def _system():
    settings = Settings.load()
    return build(settings, read_config(None, settings))
