"""`schedules preview`, which needs neither a configuration nor a database."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from pypeline.cli import main


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("PYPELINE_TIMEZONE", raising=False)
    time.tzset()
    yield tmp_path
    monkeypatch.undo()
    time.tzset()


def preview(*arguments):
    return CliRunner().invoke(main, ["schedules", "preview", *arguments])


def upcoming(*arguments):
    done = preview(*arguments, "--json")
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)["upcoming"]


def test_the_next_times_of_five_fields_are_listed_in_their_zone_and_in_utc():
    lines = preview("30 2 * * *", "--timezone", "Europe/Berlin", "--count", "3").stdout.splitlines()

    assert lines[0].split() == ["Europe/Berlin", "UTC"]
    assert [line.split()[0] for line in lines[1:]] == ["1", "2", "3"]
    assert all(", 02:30 CE" in line and " UTC" in line and " in " in line for line in lines[1:])


def test_times_follow_one_another_and_are_ahead():
    times = [datetime.fromisoformat(due["due_at"]) for due in upcoming("*/15 * * * *", "--count", "20")]

    assert len(times) == 20
    assert times == sorted(times)
    assert times[0] > datetime.now(UTC)


def test_ten_times_are_printed_where_no_number_is_said():
    assert len(upcoming("@daily")) == 10


def test_an_interval_begins_now():
    first, second = upcoming("--every", "90 seconds", "--count", "2")

    distance = datetime.fromisoformat(second["due_at"]) - datetime.fromisoformat(first["due_at"])
    assert distance.total_seconds() == 90


def test_a_time_that_the_clocks_leave_out_is_noted():
    (due,) = upcoming("--at", "2027-03-28T02:30", "--timezone", "Europe/Berlin")

    assert due["local"] == "2027-03-28T03:00:00+02:00"
    assert "does not exist" in due["note"]


def test_a_note_stands_beneath_its_time():
    lines = preview("--at", "2027-03-28T02:30", "--timezone", "Europe/Berlin").stdout.splitlines()

    assert "03:00 CEST" in lines[1]
    assert lines[2].strip().startswith("02:30 does not exist")


def test_the_zone_is_that_of_the_settings_where_none_is_named(monkeypatch):
    monkeypatch.setenv("PYPELINE_TIMEZONE", "Asia/Tokyo")

    assert preview("0 12 * * *").stdout.splitlines()[0].split() == ["Asia/Tokyo", "UTC"]


def test_a_time_that_is_past_leaves_nothing_to_list():
    done = preview("--at", "2020-01-01T00:00")

    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == "None of its times lies ahead.\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["61 * * * *"], "61"),
        (["0 0 * *"], "4 fields"),
        (["--every", "soon"], "soon"),
        (["--at", "tomorrow"], "tomorrow"),
        (["0 0 * * *", "--timezone", "Europe/Berln"], "Europe/Berlin"),
        (["0 0 30 2 *"], "days"),
        ([], "'M H D M W', --every or --at"),
        (["@daily", "--every", "1 day"], "name the times once"),
    ],
)
def test_what_names_no_times_is_one_line_that_says_what_to_do(arguments, said):
    done = preview(*arguments)

    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_nothing_is_left_in_the_folder(folder):
    preview("@daily")

    assert list(folder.iterdir()) == []
