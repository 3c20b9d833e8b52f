"""Schedulers as operators start them: what they fire, what they say, and how they end."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil
import pytest

from beat_shop import (
    CELERY_BEAT,
    PYPELINE_BEAT,
    beat,
    beat_ids,
    history,
    missing,
    schedule,
    until_fired,
)
from pypeline.runs.states import RunState
from pypeline.store.records import RunFilter
from services import postgres_database, postgres_server
from worker_shop import BROKER, finished, open_shop, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pypeline.bootstrap import System
    from worker_shop import Shop

FILE = """
scheduledTasks:
  filed:
    config:
      scheduleType: interval
      task: {module}.one
      queue: {queue}
      schedule: {{every: 200000, period: microseconds}}
"""
PLAIN = """
from celery import Celery

app = Celery("theirs", broker="BROKER")
app.conf.beat_scheduler = "pypeline.celery_beat:SermosScheduler"
app.conf.beat_schedule = {"their-own": {"task": "theirs.greet", "schedule": 1.0}}
"""


@pytest.fixture
def opened(tmp_path, postgres_url) -> Iterator[tuple[Shop, System]]:
    with open_shop(tmp_path, postgres_url) as (shop, system):
        yield shop, system


@pytest.mark.parametrize(
    ("command", "signal_number"), [(PYPELINE_BEAT, signal.SIGTERM), (CELERY_BEAT, signal.SIGINT)]
)
def test_it_fires_what_is_due_and_ends_quickly_without_a_trace(opened, command, signal_number):
    shop, system = opened
    schedule(shop, system)

    with beat(shop, *command) as scheduler:
        until_fired(system, 5)
        assert beat_ids(system) == [scheduler.id]
        begun = time.monotonic()
        scheduler.signal(signal_number)
        code = scheduler.wait()
        took = time.monotonic() - begun

    assert code == 0, scheduler.text()
    assert took < 10
    assert beat_ids(system) == []
    assert not missing(history(system))
    assert not list(shop.folder.glob("celerybeat*"))


def test_what_the_file_says_is_brought_in_and_runs_in_a_worker(opened):
    shop, system = opened
    with (shop.folder / "sermos.yaml").open("a") as file:
        file.write(FILE.format(module=shop.module, queue=shop.queue))

    with shop.worker("-P", "threads", "-c", "2"), beat(shop) as scheduler:
        occurrences = until_fired(system, 3, "filed")
        states = [finished(system, one.run_id) for one in occurrences]

    assert set(states) == {RunState.SUCCESS}
    runs = system.application.runs(RunFilter(limit=500))
    assert {run.trigger for run in runs} == {"schedule:filed"}
    assert len(runs) == len({one.run_id for one in history(system, "filed")})
    assert "1 new (filed)" in scheduler.text()


def test_each_occurrence_has_its_line_in_the_log(opened):
    shop, system = opened
    schedule(shop, system)

    with beat(shop) as scheduler:
        [first, *_] = until_fired(system, 2)
        scheduler.signal(signal.SIGTERM)
        scheduler.wait()

    [line] = [line for line in scheduler.text().splitlines() if first.run_id in line]
    assert "often" in line
    assert f"{first.due_at:%Y-%m-%dT%H:%M:%S.%f}Z" in line
    assert " s late" in line


def test_an_application_that_knows_nothing_but_the_setting_starts_runs_through_its_broker(opened):
    shop, system = opened
    (shop.folder / "theirs.py").write_text(PLAIN.replace("BROKER", BROKER))
    schedule(shop, system)

    with (
        shop.worker("-P", "threads", "-c", "2"),
        beat(shop, "celery", "-A", "theirs", "beat", "-l", "INFO") as scheduler,
    ):
        [first, *_] = until_fired(system, 2)
        assert finished(system, first.run_id) is RunState.SUCCESS

    said = [line for line in scheduler.text().splitlines() if "their-own" in line]
    assert len(said) == 1
    assert "Declare them under scheduledTasks" in said[0]


def test_the_scheduler_inside_a_worker_ends_with_it_however_that_ends(opened):
    shop, system = opened
    schedule(shop, system)

    with shop.worker("-B", "-P", "threads", "-c", "2") as worker:
        [first, *_] = until_fired(system, 2)
        assert finished(system, first.run_id) is RunState.SUCCESS
        embedded = embedded_beat(system)
        worker.signal(signal.SIGKILL)

        wait_until(lambda: not embedded.is_running(), lambda: f"{embedded} still lives")

    assert beat_ids(system) == []


def test_the_scheduler_inside_a_worker_ends_well_however_often_it_is_told(opened):
    # A killed worker's threads die one by one, and each death may tell it again.
    shop, system = opened
    schedule(shop, system)

    with shop.worker("-B", "-P", "threads", "-c", "2"):
        until_fired(system, 2)
        embedded = embedded_beat(system)
        telling = time.monotonic() + 10
        with suppress(psutil.NoSuchProcess):
            while embedded.status() != psutil.STATUS_ZOMBIE and time.monotonic() < telling:
                embedded.terminate()

        assert beat_ids(system) == []


def embedded_beat(system):
    [beat_id] = beat_ids(system)
    return psutil.Process(int(beat_id.partition(":")[2]))


def test_a_schema_that_is_missing_is_told_with_what_to_do_before_it_starts(opened):
    shop, _ = opened
    with postgres_server() as server, postgres_database(server) as empty:
        done = subprocess.run(
            [sys.executable, "-m", *PYPELINE_BEAT],
            cwd=shop.folder,
            env={**shop.variables, "PYPELINE_DATABASE_URL": empty},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert done.returncode == 2
    assert "pypeline db upgrade" in done.stderr


def test_a_faulty_configuration_ends_it_with_exit_code_2(opened):
    shop, _ = opened
    (shop.folder / "theirs.py").write_text(PLAIN.replace("BROKER", BROKER))
    (shop.folder / "sermos.yaml").write_text("pipelines: []")

    with beat(shop, "celery", "-A", "theirs", "beat", ready=False) as scheduler:
        assert scheduler.wait() == 2

    assert "the scheduler ends: " in scheduler.text()
