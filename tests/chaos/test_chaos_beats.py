"""Schedulers that are killed, stand still, or have a wrong clock, while schedules are due."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from chaos.timetable import Timetable
from chaos.workers import await_that

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def timetable(rabbit_stage, rows) -> Iterator[Timetable]:
    """Schedules, with the workers of both hosts and a scheduler that nothing is done to."""
    rabbit_stage.crew()
    rabbit_stage.scheduler("beat", host="two")
    yield Timetable(rabbit_stage, rows)
    rabbit_stage.dismiss("beat", "victim")


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ("locked", "before it wrote anything"),
        ("started", "before its commit"),
        ("committed", "between commit and publish"),
    ],
)
def test_what_a_killed_scheduler_left_is_settled_by_another(timetable, step, words):
    stage = timetable.stage
    mark = stage.folder / f"fired-{step}"
    victim = stage.scheduler("victim", host="one", CHAOS_FIRE=step, CHAOS_MARK=str(mark))
    timetable.begin()
    await_that(lambda: not victim.lives, "the scheduler has died", timeout=30)
    timetable.until_fired(2)

    timetable.judge(f"scheduler killed {words}", since=mark.stat().st_mtime)


def test_a_scheduler_that_stands_still_in_a_transaction_holds_up_its_schedules_for_seconds(timetable):
    stage = timetable.stage
    mark = stage.folder / "fired-vanished"
    victim = stage.scheduler("victim", host="one", CHAOS_FIRE="vanished", CHAOS_MARK=str(mark))
    timetable.begin()
    await_that(mark.exists, "the scheduler stands still", timeout=30)
    timetable.until_fired(2)
    os.kill(victim.pid, signal.SIGCONT)
    timetable.until_fired(2)

    timetable.judge("scheduler's host vanished in a transaction", since=mark.stat().st_mtime)


@pytest.mark.usefixtures("long_form")
def test_a_scheduler_whose_clock_is_wrong_fires_at_the_right_time(timetable):
    timetable.stage.dismiss("beat")
    timetable.stage.scheduler("victim", host="one", CHAOS_CLOCK="600")
    timetable.begin()
    since = time.time()
    timetable.until_fired(4)

    timetable.judge("scheduler's clock 10 minutes ahead", since=since)


@pytest.mark.usefixtures("long_form")
def test_what_was_due_while_the_database_was_away_is_settled_after(timetable):
    stage = timetable.stage
    timetable.begin()
    timetable.until_fired(1)
    stage.postgres.stop()
    time.sleep(stage.form.outage)
    since = stage.start_postgres()
    timetable.until_fired(2)

    timetable.judge("database away, schedules due", since=since)
