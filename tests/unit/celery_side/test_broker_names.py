"""The name of the broker that runs carry, of an application that has its own."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from celery import Celery

from pypeline.application.schedules.wishes import ScheduleWish
from pypeline.bootstrap import build
from pypeline.bootstrap.beat import celery_beat
from pypeline.bootstrap.broker import broker_name
from pypeline.config import Settings, load_config
from pypeline.store.records import RunFilter

CONFIG = """
serviceConfig:
  - name: worker
    registeredTasks: [{handler: demo.tasks.refresh}]
"""


def app(**conf):
    made = Celery("theirs", set_as_current=False)
    made.conf.update(conf)
    return made


@pytest.mark.parametrize(
    ("set_broker", "conf", "name"),
    [
        (None, {"broker_url": "amqp://me:secret@shop:5672/t"}, "amqp://shop:5672/t"),
        (None, {"broker_url": "redis://no/0", "broker_write_url": "redis://:secret@yes/0"}, "redis://yes/0"),
        (None, {"broker_url": ["amqp://shop//"]}, "amqp://shop//"),
        (None, {}, "amqp://localhost:5672//"),
        ("amqp://u:p@set//", {"broker_url": "amqp://shop//"}, "amqp://set//"),
        ("amqp://u:p@one//;amqp://u:p@two//", {}, "amqp://one//;amqp://two//"),
    ],
)
def test_the_settings_name_the_broker_and_else_the_application(tmp_path, set_broker, conf, name):
    settings = Settings(folder=tmp_path, broker=set_broker)

    assert broker_name(settings, app(**conf)) == name


def test_runs_of_a_scheduler_carry_the_name_of_its_applications_broker(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "sermos.yaml"
    file.write_text(CONFIG)
    settings, config = Settings.load(), load_config(file, env={})
    wish = ScheduleWish(task="demo.tasks.refresh", every="100000 microseconds")
    with build(settings, config) as system:
        system.application.schedules.create("often", wish)
        rounds = celery_beat(app(broker_url="memory://me:secret@shop/one"), config)

        with ExitStack() as stack:
            stack.callback(rounds.end)
            while not system.store.runs(RunFilter()):
                rounds.round()

        assert {run.broker for run in system.store.runs(RunFilter())} == {"memory://shop/one"}
