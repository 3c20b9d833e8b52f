"""From `scheduledTasks` to schedules, and from a task to the pipeline of one node that it starts."""

from __future__ import annotations

import textwrap

import pytest

from pypeline.config import load_config, plan_from_document
from pypeline.config.task_plan import task_plan
from pypeline.config.timetable import file_schedules
from pypeline.runs.retries import RetryPolicy
from pypeline.schedules.schedule import Misfire, Overlap, Schedule, TargetKind
from pypeline.schedules.timing import Timing, TimingKind

PIPELINE = """
pipelines:
  load:
    config:
      metadata: {queue: q}
      dagAdjacency: {one: []}
      taskDefinitions: {one: {handler: demo.tasks.one}}
"""


@pytest.fixture
def schedule(tmp_path):
    """The only schedule of a file, from the lines of its `config`."""

    def read(config, *, around="", zone="UTC"):
        lines = textwrap.indent(textwrap.dedent(config), "      ")
        content = f"{PIPELINE}\nscheduledTasks:\n  nightly:\n    {around}\n    config:\n{lines}\n"
        path = tmp_path / "sermos.yaml"
        path.write_text(content)
        [entry] = file_schedules(load_config(path, env={}), zone)
        assert entry.schedule_id == "nightly"
        return entry

    return read


def test_a_schedule_that_says_little_has_the_defaults(schedule):
    entry = schedule("""
        scheduleType: crontab
        task: demo.tasks.one
        schedule: {minute: 0, hour: 2}
    """)

    nightly = Timing(TimingKind.CRONTAB, "0 2 * * *")
    assert entry.schedule == Schedule(TargetKind.TASK, "demo.tasks.one", nightly)
    assert entry.enabled


def test_a_schedule_keeps_all_that_it_says(schedule):
    entry = schedule(
        """
        scheduleType: interval
        task: demo.tasks.one
        queue: slow
        payload: {day: yesterday}
        timezone: Europe/Berlin
        misfire: all
        misfireGrace: 5
        overlap: skip
        startAt: 2026-01-01T00:00
        endAt: 2027-01-01T00:00+01:00
        expires: 600
        schedule: {every: 30, period: seconds}
        """,
        around="name: Nightly load\n    enabled: false",
    )

    assert entry.schedule == Schedule(
        TargetKind.TASK,
        "demo.tasks.one",
        Timing(TimingKind.INTERVAL, "30 seconds"),
        timezone="Europe/Berlin",
        payload={"day": "yesterday"},
        queue="slow",
        misfire=Misfire.ALL,
        misfire_grace=5.0,
        overlap=Overlap.SKIP,
        start_at="2026-01-01T00:00",
        end_at="2027-01-01T00:00+01:00",
        expires=600.0,
        name="Nightly load",
    )
    assert not entry.enabled


def test_a_time_that_comes_once_stays_local_to_the_zone(schedule):
    entry = schedule("""
        scheduleType: once
        task: demo.tasks.one
        at: 2026-05-01T08:00
        timezone: Europe/Berlin
    """)

    assert entry.schedule.timing == Timing(TimingKind.ONCE, "2026-05-01T08:00")


def test_the_fields_of_a_crontab_stand_in_the_order_of_cron(schedule):
    entry = schedule("""
        scheduleType: crontab
        task: demo.tasks.one
        schedule: {dayOfWeek: mon-fri, monthOfYear: '4', dayOfMonth: '3', hour: '2', minute: '1'}
    """)

    assert entry.schedule.timing.text == "1 2 3 4 mon-fri"


def test_the_default_zone_is_that_of_the_settings(schedule):
    entry = schedule(
        """
        scheduleType: interval
        task: demo.tasks.one
        schedule: {every: 1, period: days}
        """,
        zone="America/New_York",
    )

    assert entry.schedule.timezone == "America/New_York"


def test_the_queue_of_a_schedule_means_nothing_to_the_nodes_of_a_pipeline(schedule):
    entry = schedule("""
        scheduleType: interval
        pipeline: load
        queue: slow
        schedule: {every: 1, period: days}
    """)

    assert (entry.schedule.target_kind, entry.schedule.target) == (TargetKind.PIPELINE, "load")
    assert entry.schedule.queue is None


def test_a_task_is_a_pipeline_of_one_node_that_is_named_for_it():
    plan = task_plan("demo.tasks.refresh", "slow")

    [step] = plan.steps
    assert (plan.pipeline_id, step.name, step.handlers) == (
        "demo.tasks.refresh",
        "refresh",
        ("demo.tasks.refresh",),
    )
    assert (step.queue, step.retry, step.max_ttl) == ("slow", RetryPolicy(max_retry=3), None)


def test_the_document_of_a_task_makes_the_same_plan_again():
    plan = task_plan("demo.tasks.refresh", "slow")

    assert plan_from_document(plan.pipeline_id, plan.document, env={}) == plan


def test_each_queue_of_a_task_is_another_definition():
    assert task_plan("demo.one", "a").definition_id != task_plan("demo.one", "b").definition_id


def test_a_function_whose_name_no_node_may_have_is_still_a_task():
    plan = task_plan("demo.größe", "q")

    assert plan.dag.names == ("gr__e",)
    assert plan_from_document(plan.pipeline_id, plan.document, env={}) == plan
