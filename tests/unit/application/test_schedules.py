"""The use cases of schedules on a real store, with a broker that only collects."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from pypeline.application import Application
from pypeline.application.schedules.documents import (
    history_document,
    schedule_document,
    schedules_document,
)
from pypeline.application.schedules.wishes import ScheduleWish
from pypeline.config import Settings, load_config, plan_from_document
from pypeline.engine import Engine
from pypeline.engine.identity import Identity
from pypeline.engine.scheduler import Scheduler
from pypeline.errors import InvalidPayload, InvalidSchedule, ScheduleExists, UnknownSchedule
from pypeline.runs.outcome import Succeeded
from pypeline.schedules.schedule import TargetKind
from pypeline.schedules.timing import interval
from pypeline.store.schedules.records import Source
from pypeline.store.sql_store import SqlStore
from timetable import sql

CONFIG = """
serviceConfig:
  - name: worker
    registeredTasks:
      - {handler: demo.tasks.refresh, event: {lang: en}}
      - {handler: demo.tasks.load}
pipelines:
  load:
    schemaVersion: 2
    config:
      metadata: {queue: q}
      dagAdjacency: {load: []}
      taskDefinitions: {load: {handlers: [demo.tasks.load]}}
      settings:
        required: [day]
        properties: {day: {dataType: string}, size: {dataType: int, default: 5}}
"""
NIGHTLY = """
scheduledTasks:
  nightly:
    config:
      scheduleType: crontab
      task: demo.tasks.refresh
      schedule: {minute: '0', hour: '2'}
"""
HOURLY = ScheduleWish(task="demo.tasks.refresh", every="1 hour")


class Broker:
    def __init__(self):
        self.messages = []

    def send(self, messages):
        self.messages.extend(messages)


class Shop:
    """The use cases on a store; `file` is what sermos.yaml has beside its pipelines."""

    def __init__(self, folder, store):
        self.folder, self.store, self.broker = folder, store, Broker()
        self.settings = Settings(folder=folder, default_queue="usual", timezone="Europe/Berlin")
        self.engine = Engine(
            store,
            self.broker,
            identity=Identity("test", "amqp://test"),
            load_plan=lambda name, document: plan_from_document(name, document, env={}),
        )

    def open(self, file=""):
        path = self.folder / "sermos.yaml"
        path.write_text(CONFIG + file)
        return Application(self.engine, load_config(path, env={}), self.settings).schedules

    def without_a_configuration(self):
        return Application(self.engine, None).schedules


@pytest.fixture
def shop(tmp_path):
    with SqlStore(f"sqlite:///{tmp_path / 'runs.db'}") as store:
        yield Shop(tmp_path, store)


@pytest.fixture
def schedules(shop):
    return shop.open()


def seconds_ahead(moment):
    return (moment - datetime.now(UTC)).total_seconds()


def test_a_schedule_is_created_on_and_due_ahead(schedules):
    record = schedules.create("refresh", HOURLY)

    assert (record.source, record.enabled, record.count) == (Source.USER, True, 0)
    assert record.schedule.timezone == "Europe/Berlin"
    assert 3590 < seconds_ahead(record.next_at) <= 3600


def test_a_schedule_may_be_created_off(schedules):
    wish = ScheduleWish(task="demo.tasks.refresh", every="1 hour", enabled=False)

    record = schedules.create("refresh", wish)

    assert (record.enabled, record.next_at) == (False, None)


@pytest.mark.parametrize("queue", ["q" * 300, "amq.slow"])
def test_a_queue_that_no_broker_takes_is_the_problem_of_its_schedule_alone(shop, schedules, queue):
    for schedule_id in ("bad", "good"):
        schedules.create(schedule_id, ScheduleWish(task="demo.tasks.refresh", cron="* * * * *"))
    sql(shop.store, "UPDATE pypeline_schedule SET next_at = shift(now(), :by)", by=-120.0)
    sql(shop.store, "UPDATE pypeline_schedule SET queue = :queue WHERE id = 'bad'", queue=queue)

    Scheduler(shop.engine, schedules.target_of).tick()

    assert [message.queue for message in shop.broker.messages] == ["usual"]
    assert schedules.get("bad").count == 0
    with pytest.raises(InvalidSchedule, match="queue: "):
        schedules.target_of(schedules.get("bad").schedule)


def test_an_id_is_given_once(schedules):
    schedules.create("refresh", HOURLY)

    with pytest.raises(ScheduleExists, match="choose another id"):
        schedules.create("refresh", HOURLY)


@pytest.mark.parametrize("schedule_id", ["", "two words", "a/b", "x" * 201])
def test_an_id_fits_into_an_address(schedules, schedule_id):
    with pytest.raises(InvalidSchedule, match="no id of a schedule"):
        schedules.create(schedule_id, HOURLY)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ({"task": "demo.tasks.refrehs"}, "did you mean `demo.tasks.refresh`?"),
        ({"task": "os.system"}, "name it among the registeredTasks"),
        ({"pipeline": "laod"}, "did you mean `load`?"),
        ({"pipeline": "quite-another"}, "the configuration has: load"),
    ],
)
def test_what_nobody_could_start_is_refused(schedules, words, reason):
    with pytest.raises(InvalidSchedule) as caught:
        schedules.create("refresh", ScheduleWish(every="1 hour", **words))

    assert reason in str(caught.value)


def test_a_payload_that_its_pipeline_does_not_take_is_refused(schedules):
    with pytest.raises(InvalidPayload, match="`day` is missing"):
        schedules.create("load", ScheduleWish(pipeline="load", every="1 hour"))


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ({"at": "2020-05-01T08:00"}, r"2020-05-01T08:00 \(Europe/Berlin\) is not ahead"),
        ({"every": "1 hour", "end_at": "2020-05-01T08:00"}, "none of its times lies ahead"),
        ({"every": "1 day", "start_at": "9999-01-01T00:00", "end_at": "9999-01-01T00:00"}, "end_at"),
    ],
)
def test_a_schedule_without_a_time_ahead_is_refused(schedules, words, reason):
    with pytest.raises(InvalidSchedule, match=reason):
        schedules.create("refresh", ScheduleWish(task="demo.tasks.refresh", **words))


def test_an_update_changes_what_it_says_and_nothing_else(schedules):
    before = schedules.create("refresh", HOURLY)

    after = schedules.update("refresh", ScheduleWish(every="2 hours", name="Refresh"))

    assert (after.schedule.timing.text, after.schedule.name) == ("2 hours", "Refresh")
    assert (after.schedule.target, after.created_at) == (before.schedule.target, before.created_at)
    assert 7190 < seconds_ahead(after.next_at) <= 7200


def test_an_update_of_what_is_off_leaves_it_off(schedules):
    schedules.create("refresh", HOURLY)
    schedules.disable("refresh")

    assert not schedules.update("refresh", ScheduleWish(every="2 hours")).enabled


def missed(shop, schedule_id):
    """Let a schedule be due for two hours, as where no scheduler runs; answers its due time."""
    sql(shop.store, "UPDATE pypeline_schedule SET next_at = shift(now(), :by)", by=-7200.0)
    return shop.store.schedules.schedule(schedule_id).next_at


@pytest.mark.parametrize(
    "change",
    [
        lambda schedules: schedules.update("refresh", ScheduleWish(name="Refresh", payload={"a": 1})),
        lambda schedules: schedules.replace("refresh", HOURLY),
        lambda schedules: schedules.enable("refresh"),
    ],
    ids=["update", "replace", "enable"],
)
def test_a_change_of_anything_but_the_times_keeps_a_time_that_was_missed(schedules, shop, change):
    schedules.create("refresh", HOURLY)
    due_at = missed(shop, "refresh")

    assert change(schedules).next_at == due_at


def test_a_single_time_that_was_missed_survives_a_change(schedules, shop):
    at = datetime.now(UTC) + timedelta(hours=1)
    schedules.create("once", ScheduleWish(task="demo.tasks.refresh", at=at.isoformat()))
    due_at = missed(shop, "once")
    sql(shop.store, "UPDATE pypeline_schedule SET timing = '2020-05-01T08:00'")
    sql(shop.store, "UPDATE pypeline_schedule SET planned = plan_key")

    assert schedules.enable("once").next_at == due_at
    assert schedules.update("once", ScheduleWish(name="Once")).next_at == due_at


def test_what_is_switched_off_and_on_again_makes_up_for_nothing(schedules, shop):
    schedules.create("refresh", HOURLY)
    missed(shop, "refresh")

    schedules.disable("refresh")

    assert seconds_ahead(schedules.enable("refresh").next_at) > 0


def test_changes_at_once_are_all_made(schedules):
    schedules.create("refresh", HOURLY)
    changes = (
        lambda number: schedules.update("refresh", ScheduleWish(name=f"name {number}")),
        lambda number: schedules.update("refresh", ScheduleWish(payload={"v": number})),
        lambda _: schedules.disable("refresh"),
    )

    for number in range(20):
        schedules.enable("refresh")
        with ThreadPoolExecutor(len(changes)) as pool:
            for done in [pool.submit(change, number) for change in changes]:
                done.result()

        record = schedules.get("refresh")
        assert (record.schedule.name, record.schedule.payload) == (f"name {number}", {"v": number})
        assert not record.enabled


def test_what_the_scheduler_switched_off_is_on_again_once_it_is_corrected(schedules, shop):
    schedules.create("refresh", HOURLY)
    shop.store.schedules.switch_off("refresh", "there is no such task")

    record = schedules.update("refresh", ScheduleWish(task="demo.tasks.load"))

    assert (record.enabled, record.problem) == (True, None)
    assert record.next_at is not None


def test_enabling_forgets_the_problem(schedules, shop):
    schedules.create("refresh", HOURLY)
    shop.store.schedules.switch_off("refresh", "there is no such task")

    record = schedules.enable("refresh")

    assert (record.enabled, record.problem) == (True, None)
    assert record.next_at is not None


def test_a_schedule_whose_time_has_passed_may_be_renamed_but_not_enabled(schedules, shop):
    at = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    schedules.create("once", ScheduleWish(task="demo.tasks.refresh", at=at))
    with closing(shop.store._connections.dialect.connect()) as connection:  # as an hour later
        connection.execute("UPDATE pypeline_schedule SET timing = '2020-05-01T08:00'")
        connection.commit()

    assert schedules.update("once", ScheduleWish(name="Gone by")).schedule.name == "Gone by"
    schedules.disable("once")
    with pytest.raises(InvalidSchedule, match="is not ahead"):
        schedules.enable("once")


def test_a_deleted_schedule_is_unknown(schedules):
    schedules.create("refresh", HOURLY)

    schedules.delete("refresh")

    with pytest.raises(UnknownSchedule):
        schedules.get("refresh")


@pytest.mark.parametrize("ask", ["get", "enable", "disable", "delete", "run", "history", "upcoming"])
def test_an_unknown_schedule_is_said_to_be_unknown(schedules, ask):
    with pytest.raises(UnknownSchedule):
        getattr(schedules, ask)("nobody")


def test_the_file_s_schedules_are_brought_in(shop):
    schedules = shop.open(NIGHTLY)

    assert schedules.bring_in().created == ("nightly",)

    record = schedules.get("nightly")
    assert (record.source, record.enabled) == (Source.FILE, True)
    assert record.schedule.timezone == "Europe/Berlin"
    assert f"{record.next_at.astimezone(ZoneInfo('Europe/Berlin')):%H:%M}" == "02:00"


def test_a_schedule_of_the_file_is_switched_and_run_but_changed_in_the_file(shop):
    schedules = shop.open(NIGHTLY)
    schedules.bring_in()

    assert not schedules.disable("nightly").enabled
    assert schedules.enable("nightly").enabled
    assert schedules.run("nightly")
    with pytest.raises(InvalidSchedule, match=r"set in sermos\.yaml: change it there"):
        schedules.update("nightly", ScheduleWish(every="1 hour"))
    with pytest.raises(InvalidSchedule, match=r"set in sermos\.yaml: remove it there"):
        schedules.delete("nightly")


def test_a_schedule_that_is_gone_from_the_file_is_only_looked_at_or_deleted(shop):
    shop.open(NIGHTLY).bring_in()
    schedules = shop.open()

    assert schedules.bring_in().retired == ("nightly",)

    assert schedules.get("nightly").retired_at is not None
    assert ([*schedules.list()], len(schedules.list(retired=True))) == ([], 1)
    for ask in (schedules.enable, schedules.disable, schedules.run):
        with pytest.raises(InvalidSchedule, match=r"gone from sermos\.yaml"):
            ask("nightly")
    schedules.delete("nightly")
    assert [*schedules.list(retired=True)] == []


def test_a_task_runs_now_as_one_node_on_its_queue(schedules, shop):
    schedules.create("refresh", ScheduleWish(task="demo.tasks.refresh", every="1 hour", payload={"a": 1}))
    before = schedules.get("refresh")

    run_id = schedules.run("refresh")

    [message] = shop.broker.messages
    assert (message.handler, message.queue) == ("demo.tasks.refresh", "usual")
    run = shop.store.run(run_id)
    assert (run.trigger, run.pipeline_id, run.payload) == (
        "schedule:refresh",
        "demo.tasks.refresh",
        {"a": 1},
    )
    after = schedules.get("refresh")
    assert (after.last_run, after.next_at, after.count) == (run_id, before.next_at, 0)


def test_a_pipeline_is_started_with_its_defaults_filled_in(schedules, shop):
    schedules.create("load", ScheduleWish(pipeline="load", cron="0 2 * * *", payload={"day": "today"}))

    run_id = schedules.run("load")

    assert shop.store.run(run_id).payload == {"day": "today", "size": 5}
    assert schedules.get("load").schedule.payload == {"day": "today"}


def test_a_scheduler_starts_what_is_due_and_the_history_tells(schedules, shop):
    schedules.create("refresh", ScheduleWish(task="demo.tasks.refresh", every="100000 microseconds"))
    scheduler = Scheduler(shop.engine, schedules.target_of)
    while not shop.broker.messages:
        scheduler.tick()

    work = shop.engine.claim(shop.broker.messages[0].ref)
    shop.engine.record(work, Succeeded("1"))

    first = schedules.history("refresh")[-1]
    assert (first.run_id, first.state, first.reason) == (work.claim.ref.run_id, "success", None)
    document = history_document(schedules.history("refresh"))["history"][-1]
    assert document["run"]["execution_id"] == first.run_id
    assert document["run"]["state"] == "success"


def test_looking_switching_and_deleting_need_no_configuration(schedules, shop):
    schedules.create("refresh", HOURLY)
    plain = shop.without_a_configuration()

    assert [record.schedule_id for record in plain.list()] == ["refresh"]
    assert not plain.disable("refresh").enabled
    assert plain.enable("refresh").enabled
    plain.delete("refresh")
    assert [*plain.list()] == []


def test_schedules_are_listed_by_id_in_pages(schedules):
    for name in ("b", "c", "a"):
        schedules.create(name, HOURLY)

    assert [record.schedule_id for record in schedules.list(limit=2)] == ["a", "b"]
    assert [record.schedule_id for record in schedules.list(limit=2, after="b")] == ["c"]


def test_a_preview_tells_what_a_change_of_the_clocks_does(schedules):
    after = datetime(2026, 3, 28, 12, tzinfo=UTC)

    first, second = schedules.preview("30 2 * * *", timezone="Europe/Berlin", count=2, after=after)

    assert first.due_at == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
    assert first.note == "02:30 does not exist: clocks go forward. Runs at 03:00."
    assert (second.due_at, second.note) == (datetime(2026, 3, 30, 0, 30, tzinfo=UTC), None)


def test_a_preview_goes_by_the_zone_of_the_settings_and_from_now_on(schedules):
    [due] = schedules.preview("0 2 * * *", count=1)

    assert 0 < seconds_ahead(due.due_at) <= 25 * 3600
    assert due.due_at.hour in (0, 1)


def test_a_preview_after_a_local_time_counts_from_it(schedules):
    [due] = schedules.preview("0 2 * * *", count=1, after=datetime(2026, 6, 1, 2, 0))  # noqa: DTZ001

    assert due.due_at == datetime(2026, 6, 2, 0, 0, tzinfo=UTC)


def test_an_interval_is_previewed_too(schedules):
    after = datetime(2026, 6, 1, tzinfo=UTC)

    [due] = schedules.preview(interval("90 minutes"), count=1, after=after)

    assert due.due_at == datetime(2026, 6, 1, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"timing": "61 * * * *"}, "minute"),
        ({"timing": "0 2 * * *", "timezone": "Europe/Berlim"}, "did you mean `Europe/Berlin`?"),
        ({"timing": "0 2 * * *", "count": 0}, "from 1 to 1000, not 0"),
    ],
)
def test_a_preview_that_cannot_be_says_why(schedules, arguments, reason):
    with pytest.raises(InvalidSchedule) as caught:
        schedules.preview(**arguments)

    assert reason in str(caught.value)


def test_the_next_times_of_a_schedule_begin_with_the_next(schedules):
    record = schedules.create("refresh", HOURLY)

    times = schedules.upcoming("refresh", count=3)

    assert [due.due_at - record.next_at for due in times] == [timedelta(hours=hours) for hours in range(3)]


def test_a_schedule_that_is_off_has_no_next_times(schedules):
    schedules.create("refresh", HOURLY)
    schedules.disable("refresh")

    assert [*schedules.upcoming("refresh")] == []


def test_the_document_of_a_schedule_tells_all_of_it(schedules):
    wish = ScheduleWish(task="demo.tasks.refresh", every="30 seconds", queue="slow", expires=20)
    record = schedules.create("refresh", wish)
    run_id = schedules.run("refresh")

    document = schedule_document(schedules.get("refresh"))

    assert document["id"] == "refresh"
    assert document["target"] == {"task": "demo.tasks.refresh"}
    assert document["schedule"] == {"type": "interval", "every": 30, "period": "seconds"}
    assert document["last_run"] == {"execution_id": run_id, "state": "pending"}
    assert document["next_at"].startswith(f"{record.next_at:%Y-%m-%dT%H:%M:%S}")
    assert (document["source"], document["problem"], document["count"]) == ("user", None, 0)
    assert (document["queue"], document["expires"], document["misfire"]) == ("slow", 20.0, "latest")


@pytest.mark.parametrize(
    ("words", "schedule"),
    [
        ({"cron": "@daily"}, {"type": "cron", "cron": "0 0 * * *"}),
        ({"at": "2999-05-01T08:00"}, {"type": "once", "at": "2999-05-01T08:00"}),
    ],
)
def test_a_document_says_when(schedules, words, schedule):
    schedules.create("refresh", ScheduleWish(task="demo.tasks.refresh", **words))

    [document] = schedules_document(schedules.list())["schedules"]

    assert document["schedule"] == schedule


def test_the_document_of_a_crontab_names_its_fields(shop):
    schedules = shop.open(NIGHTLY)
    schedules.bring_in()

    assert schedule_document(schedules.get("nightly"))["schedule"] == {
        "type": "crontab",
        "minute": "0",
        "hour": "2",
        "dayOfMonth": "*",
        "monthOfYear": "*",
        "dayOfWeek": "*",
    }


def test_a_target_that_is_gone_from_the_configuration_is_no_target(shop, schedules):
    record = schedules.create("load", ScheduleWish(pipeline="load", every="1 h", payload={"day": "x"}))
    path = Path(shop.folder, "sermos.yaml")
    path.write_text(CONFIG.replace("  load:\n    schemaVersion", "  other:\n    schemaVersion"))
    later = Application(shop.engine, load_config(path, env={}), shop.settings).schedules

    assert record.schedule.target_kind is TargetKind.PIPELINE
    with pytest.raises(InvalidSchedule, match="there is no pipeline 'load'"):
        later.target_of(record.schedule)
