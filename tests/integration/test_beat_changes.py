"""What users change while a scheduler runs is in force within two seconds."""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest

from beat_shop import EVERY, beat, history, schedule, until_fired
from cli_stage import PYPELINE
from pypeline.application.schedules.wishes import ScheduleWish
from pypeline.store.records import RunFilter
from worker_shop import open_shop, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pypeline.bootstrap import System
    from worker_shop import Shop

IN_FORCE = timedelta(seconds=2)
CLOCK = "clock"


@pytest.fixture(scope="module")
def opened(tmp_path_factory, postgres_url) -> Iterator[tuple[Shop, System]]:
    """A scheduler with one schedule by which tests tell that time has passed."""
    with open_shop(tmp_path_factory.mktemp("changes"), postgres_url) as (shop, system), beat(shop):
        schedule(shop, system, CLOCK)
        yield shop, system


@pytest.fixture
def name() -> str:
    return f"changed-{uuid.uuid4().hex[:6]}"


def pypeline(shop: Shop, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PYPELINE, *arguments],
        cwd=shop.folder,
        env={**os.environ, **shop.variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def call(shop: Shop, *arguments: str) -> datetime:
    """A command of `pypeline schedules`; answers when it had ended."""
    done = pypeline(shop, "schedules", *arguments)
    assert done.returncode == 0, done.stderr
    return datetime.now(UTC)


def dues(system: System, name: str) -> list[datetime]:
    return [one.due_at for one in history(system, name)]


def runs_of(system: System, name: str) -> set[str]:
    return {
        run.run_id
        for run in system.application.runs(RunFilter(limit=500))
        if run.trigger == f"schedule:{name}"
    }


def pass_time(system: System) -> None:
    """Return once a schedule that fires all the time has fired for as long as a change may take."""
    until_fired(system, 10, CLOCK)


def test_a_new_one_fires(opened, name):
    shop, system = opened

    created = call(shop, "create", name, "--task", f"{shop.module}.one", "--every", EVERY)
    wait_until(lambda: bool(history(system, name)), lambda: "it never fired")

    assert history(system, name)[0].fired_at < created + IN_FORCE


def test_an_edit_moves_its_times(opened, name):
    shop, system = opened
    schedule(shop, system, name, every="1 hour")

    edited = call(shop, "update", name, "--every", EVERY)
    wait_until(lambda: bool(history(system, name)), lambda: "it never fired")
    first = history(system, name)[0]
    system.application.schedules.update(name, ScheduleWish(every="1 hour"))
    before = len(dues(system, name))
    pass_time(system)

    assert first.fired_at < edited + IN_FORCE
    assert len(dues(system, name)) == before


def test_one_that_is_switched_off_fires_no_more_and_makes_up_for_nothing_once_it_is_on(opened, name):
    shop, system = opened
    schedule(shop, system, name)
    until_fired(system, 1, name)

    off = call(shop, "disable", name)
    before = len(dues(system, name))
    pass_time(system)
    assert len(dues(system, name)) == before

    system.application.schedules.enable(name)
    on = system.application.schedules.get(name).updated_at
    until_fired(system, 1, name)

    assert not [due for due in dues(system, name) if off < due <= on]


def test_one_that_is_deleted_fires_no_more(opened, name):
    shop, system = opened
    schedule(shop, system, name)
    until_fired(system, 1, name)

    call(shop, "delete", name)
    before = runs_of(system, name)
    pass_time(system)

    assert runs_of(system, name) == before


def test_plain_sql_is_a_change_like_any_other(opened, name):
    shop, system = opened
    schedule(shop, system, name, every="1 hour")

    with psycopg.connect(shop.database, autocommit=True) as connection:
        connection.execute(
            "UPDATE pypeline_schedule SET timing = %s WHERE app = %s AND id = %s", [EVERY, shop.queue, name]
        )
        changed = datetime.now(UTC)
    wait_until(lambda: bool(history(system, name)), lambda: "it never fired")

    assert history(system, name)[0].fired_at < changed + IN_FORCE


def test_only_the_one_that_is_changed_moves(opened, name):
    shop, system = opened
    schedule(shop, system, name, every="7 hours")
    schedule(shop, system, f"{name}-other", every="5 hours")
    before = system.application.schedules.get(f"{name}-other")

    system.application.schedules.update(name, ScheduleWish(every="6 hours"))
    pass_time(system)

    assert system.application.schedules.get(f"{name}-other") == before


def test_doctor_knows_the_scheduler_and_what_it_switched_off(opened, name):
    shop, system = opened
    schedule(shop, system, name, every="1 hour")
    with psycopg.connect(shop.database, autocommit=True) as connection:
        connection.execute(
            "UPDATE pypeline_schedule SET timing = 'sometimes' WHERE app = %s AND id = %s", [shop.queue, name]
        )
    wait_until(lambda: system.application.schedules.get(name).problem is not None, lambda: "it is still on")

    document = json.loads(pypeline(shop, "doctor", "--json").stdout)

    levels = {(one["part"], one["about"]): one["level"] for one in document["checks"]}
    [scheduler] = document["schedulers"]
    assert levels["scheduler", scheduler["scheduler"]] == "ok"
    assert levels["schedule", name] == "problem"
    system.application.schedules.delete(name)
