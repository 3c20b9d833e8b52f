"""From facts to findings about schedules, without a server."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from pypeline.application.checks import Level, Part
from pypeline.application.facts import DatabaseFacts, Facts
from pypeline.application.judging import judge, queue_names
from pypeline.config import load_config
from pypeline.schedules.schedule import Schedule, TargetKind
from pypeline.schedules.timing import Timing, TimingKind
from pypeline.store.schedules.records import BeatRecord, ScheduleRecord, Source

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PLAIN = Schedule(TargetKind.TASK, "shop.tasks.load", Timing(TimingKind.INTERVAL, "5 seconds"), queue="slow")
CONFIG = """
scheduledTasks:
  hourly: {config: {scheduleType: interval, task: os.getcwd, schedule: {every: 1, period: hours}}}
  rarely:
    enabled: false
    config: {scheduleType: interval, task: os.getcwd, schedule: {every: 9, period: days}}
"""


@dataclass(frozen=True)
class Broker:
    url: str = "amqp://host//"
    error: str | None = None
    product: str | None = "RabbitMQ"
    version: str | None = "3.10.8"
    queues: tuple = ()
    remarks: tuple = ()


def record(schedule_id="load", **changes):
    values = {
        "source": Source.USER,
        "enabled": True,
        "schedule": PLAIN,
        "created_at": NOW,
        "updated_at": NOW,
        "next_at": NOW + timedelta(seconds=3),
        "last_at": None,
        "last_run": None,
        "last_state": None,
        "count": 0,
        "problem": None,
        "retired_at": None,
        "is_going": False,
        "is_planned": True,
    }
    return ScheduleRecord(schedule_id, **{**values, **changes})


def beat(silent=1.0, version="0.1.0"):
    return BeatRecord("host:7", version, NOW, silent)


def facts(*schedules, beats=(), broker=Broker(), config=None):
    database = DatabaseFacts("postgresql://host/runs", 3, now=NOW, schedules=schedules, beats=beats)
    return Facts("ours", "0.1.0", 30.0, "pypeline", database, broker=broker, config=config)


def of(found, part):
    return [(check.level, check.about, check.message) for check in judge(found).checks if check.part is part]


def test_schedules_that_go_are_counted_in_one_line():
    found = facts(record(), record("off", enabled=False, next_at=None), beats=[beat()])

    assert of(found, Part.SCHEDULER) == [(Level.OK, "host:7", "seen 1 s ago")]
    assert of(found, Part.SCHEDULE) == [(Level.OK, None, "1 schedule is on, 1 off")]


def test_without_schedules_nobody_misses_a_scheduler():
    found = facts()

    assert of(found, Part.SCHEDULER) == of(found, Part.SCHEDULE) == []


@pytest.mark.parametrize("beats", [[], [beat(silent=16.0)]])
def test_schedules_that_are_on_need_a_scheduler(beats):
    checkup = judge(facts(record(), record("other"), beats=beats))

    [missing] = checkup.problems(Part.SCHEDULER)
    assert missing.message.startswith("2 schedules are on, but no scheduler was seen for 15 s")
    assert missing.remedy == "start one: `pypeline beat`"


def test_schedules_that_are_off_need_none():
    assert of(facts(record(enabled=False, next_at=None)), Part.SCHEDULER) == []


def test_the_files_schedules_count_before_they_were_ever_brought_in(tmp_path):
    file = tmp_path / "sermos.yaml"
    file.write_text(CONFIG)

    [(level, _, message)] = of(facts(config=load_config(file, env={})), Part.SCHEDULER)

    assert (level, message.split(",")[0]) == (Level.PROBLEM, "1 schedule is on")


def test_what_a_user_switched_off_counts_no_more_though_the_file_has_it_on(tmp_path):
    file = tmp_path / "sermos.yaml"
    file.write_text(CONFIG)
    found = facts(record("hourly", source=Source.FILE, enabled=False), config=load_config(file, env={}))

    assert of(found, Part.SCHEDULER) == []


def test_without_a_broker_schedules_that_nothing_starts_are_a_warning():
    [(level, _, message)] = of(facts(record(), broker=None), Part.SCHEDULER)

    assert level is Level.WARNING
    assert "nothing starts them" in message


def test_a_scheduler_needs_no_broker_beside_its_own_worker():
    [(level, *_)] = of(facts(record(), broker=None, beats=[beat()]), Part.SCHEDULER)

    assert level is Level.OK


def test_a_scheduler_that_was_killed_is_a_warning_where_another_lives():
    levels = [level for level, *_ in of(facts(record(), beats=[beat(), beat(silent=99.0)]), Part.SCHEDULER)]

    assert levels == [Level.OK, Level.WARNING]


def test_a_scheduler_of_another_version_is_a_warning():
    [(level, _, message)] = of(facts(record(), beats=[beat(version="0.0.9")]), Part.SCHEDULER)

    assert (level, message) == (Level.WARNING, "runs PypeLine 0.0.9, this is 0.1.0")


@pytest.mark.parametrize(
    ("source", "remedy"),
    [
        (Source.FILE, "mend that in sermos.yaml, then `pypeline schedules enable load`"),
        (
            Source.USER,
            "mend that by `pypeline schedules update load …`, then `pypeline schedules enable load`",
        ),
    ],
)
def test_one_that_the_scheduler_switched_off_is_a_problem_with_its_reason(source, remedy):
    broken = record(enabled=False, next_at=None, problem="there is no zone Mars/Olympus", source=source)

    checkup = judge(facts(broken, beats=[beat()]))

    [problem] = checkup.problems(Part.SCHEDULE)
    assert problem.about == "load"
    assert problem.message == "the scheduler has switched it off: there is no zone Mars/Olympus"
    assert problem.remedy == remedy


@pytest.mark.parametrize(("late", "problems"), [(59, 0), (61, 1)])
def test_what_was_due_long_ago_though_a_scheduler_lives_is_a_problem(late, problems):
    overdue = record(next_at=NOW - timedelta(seconds=late))

    assert len(judge(facts(overdue, beats=[beat()])).problems(Part.SCHEDULE)) == problems


def test_many_that_are_overdue_are_one_line():
    overdue = [record(f"s{number}", next_at=NOW - timedelta(hours=1)) for number in range(8)]

    [problem] = judge(facts(*overdue, beats=[beat()])).problems(Part.SCHEDULE)

    assert problem.message == "due for more than 60 s, and not started: s0, s1, s2, s3, s4 and 3 more"


def test_where_no_scheduler_lives_that_alone_is_told():
    overdue = record(next_at=NOW - timedelta(hours=1))

    assert judge(facts(overdue)).problems(Part.SCHEDULE) == []


def test_queues_of_schedules_are_looked_at_too():
    default = replace(PLAIN, queue=None)
    off = replace(PLAIN, queue="unused")
    found = facts(record(), record("b", schedule=default), record("c", schedule=off, enabled=False))

    assert queue_names(found) == ["pypeline", "slow"]
    assert (Level.WARNING, "slow", "no worker listens; 0 queued") in of(found, Part.QUEUE)
