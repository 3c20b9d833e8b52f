"""From facts to findings, without a server."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from pypeline.application.checks import Check, Checkup, Level, Part
from pypeline.application.facts import DatabaseFacts, Facts
from pypeline.application.judging import judge
from pypeline.cli.checkups import code_of
from pypeline.store.records import QueueRecord, WorkerRecord

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Remark:
    about: str = "slow"
    problem: str = "is a classic queue"
    remedy: str = "delete it"


@dataclass(frozen=True)
class Broker:
    url: str = "amqp://host//"
    error: str | None = None
    product: str | None = "RabbitMQ"
    version: str | None = "3.10.8"
    queues: tuple = ()
    remarks: tuple = ()


def worker(**changes):
    values = {
        "worker_id": "host:1",
        "app": "ours",
        "broker": "amqp://host//",
        "queues": ("slow",),
        "service": None,
        "pool": "prefork",
        "concurrency": 2,
        "version": "0.1.0",
        "started_at": NOW,
        "seen_at": NOW,
        "silent": 0.5,
        "skew": 0.0,
    }
    return WorkerRecord(**{**values, **changes})


def judged(*, broker=None, workers=(), queues=(), **database):
    facts = DatabaseFacts("postgresql://host/runs", 2, workers=workers, queues=queues, **database)
    found = Facts(
        app="ours",
        version="0.1.0",
        lease=30.0,
        default_queue="pypeline",
        database=facts,
        broker=broker,
    )
    return judge(found)


def of(checkup, part):
    return [(check.level, check.message) for check in checkup.checks if check.part is part]


def test_without_a_broker_nothing_is_asked_of_workers():
    checkup = judged()

    assert {check.part for check in checkup.checks} == {Part.DATABASE, Part.BROKER}
    assert checkup.level is Level.OK


def test_what_waits_without_a_worker_is_a_problem():
    checkup = judged(broker=Broker(), queues=[QueueRecord("slow", 3, 61.0, None)])

    assert of(checkup, Part.QUEUE) == [(Level.PROBLEM, "no worker listens; 3 queued, the oldest for 61 s")]
    assert [check.remedy for check in checkup.problems()] == ["start one: `pypeline worker -Q slow`"]


@pytest.mark.parametrize(
    ("oldest", "claimed", "level"),
    [
        (100.0, 1.0, Level.OK),
        (100.0, 31.0, Level.PROBLEM),
        (100.0, None, Level.PROBLEM),
        (5.0, None, Level.OK),
    ],
)
def test_workers_that_take_nothing_from_a_full_queue_are_a_problem(oldest, claimed, level):
    queue = QueueRecord("slow", 3, oldest, claimed)

    checkup = judged(broker=Broker(), workers=[worker()], queues=[queue])

    assert [found for found, _ in of(checkup, Part.QUEUE)] == [level]


def test_a_backlog_that_workers_work_off_is_none():
    queue = QueueRecord("slow", 5000, 900.0, 0.1)

    checkup = judged(broker=Broker(), workers=[worker()], queues=[queue])

    assert of(checkup, Part.QUEUE) == [(Level.OK, "1 worker, 5,000 queued, the oldest for 900 s")]


def test_a_clock_that_is_off_is_told_with_its_side():
    assert of(judged(ahead=-600.0), Part.DATABASE)[1] == (
        Level.WARNING,
        "the clock of this host is 600.0 s behind the database's",
    )


def test_a_remark_of_the_broker_is_a_warning_with_its_remedy():
    checkup = judged(broker=Broker(remarks=(Remark(),)), workers=[worker()])

    assert Check(Part.BROKER, Level.WARNING, "is a classic queue", "slow", "delete it") in checkup.checks


def test_a_worker_that_differs_is_not_also_called_ok():
    checkup = judged(broker=Broker(), workers=[worker(version="0.0.9", skew=7.0)])

    assert [level for level, _ in of(checkup, Part.WORKER)] == [Level.WARNING, Level.WARNING]


@pytest.mark.parametrize(
    ("checks", "answers", "code"),
    [
        ([Check(Part.BROKER, Level.WARNING, "")], True, 0),
        ([Check(Part.BROKER, Level.PROBLEM, "")], True, 1),
        ([Check(Part.DATABASE, Level.PROBLEM, "")], True, 1),
        ([Check(Part.DATABASE, Level.PROBLEM, "")], False, 3),
        ([Check(Part.CONFIGURATION, Level.PROBLEM, ""), Check(Part.DATABASE, Level.PROBLEM, "")], False, 2),
    ],
)
def test_the_exit_code_names_the_first_thing_to_mend(checks, answers, code):
    assert code_of(Checkup(tuple(checks), answers)) == code
