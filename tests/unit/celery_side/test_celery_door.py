"""``pypeline.celery``: our own application, and the tasks of a configuration in any."""

from __future__ import annotations

import importlib
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from celery import Celery

from celery_fakes import FakeEngine, a_ref, succeed
from pypeline import bootstrap
from pypeline.tasks.attempts.registry import Registry
from pypeline.tasks.attempts.worker import NodeWorker
from pypeline.tasks.workers.staff import Staff
from pypeline.tasks.workers.upkeep import Upkeep

HANDLER = "celery_side_handlers.clean"


@pytest.fixture
def engine(monkeypatch):
    """The engine that the workers of this test report to."""
    handlers = SimpleNamespace(__name__="celery_side_handlers", clean=lambda event: event["a"] + 1)
    monkeypatch.setitem(sys.modules, "celery_side_handlers", handlers)
    engine = FakeEngine()
    staff = Staff(NodeWorker(engine, succeed), Upkeep(interval=60), lambda: None)
    worker = bootstrap.CeleryWorker(None, Registry({HANDLER: {}}, {}), ("mine",), 30.0, lambda _: staff)
    monkeypatch.setattr(bootstrap, "celery_worker", lambda *_: worker)
    yield engine
    staff.upkeep.stop()


@pytest.fixture
def door(engine, monkeypatch):
    """The module, imported anew."""
    monkeypatch.setenv("PYPELINE_BROKER_URL", "amqp://broker.example//")
    monkeypatch.setenv("PYPELINE_DEFAULT_QUEUE", "mine")
    monkeypatch.delitem(sys.modules, "pypeline.celery", raising=False)
    return importlib.import_module("pypeline.celery")


def test_our_application_has_the_broker_and_queue_of_the_settings(door):
    assert door.app.conf.broker_read_url == "amqp://broker.example//"
    assert door.app.amqp.default_queue.name == "mine"


def test_our_application_has_the_tasks_of_the_configuration(door):
    assert isinstance(door.app.tasks[HANDLER], door.ChainedTask)


def test_a_generated_task_called_directly_is_its_function(door):
    assert door.app.tasks[HANDLER]({"a": 1}) == 2


def test_a_generated_task_does_attempts(door, engine):
    door.app.tasks[HANDLER].perform(a_ref(7))

    assert [ref.item for ref, _ in engine.recorded] == [7]


def test_a_fault_of_the_configuration_is_raised_at_every_look(door, monkeypatch):
    def broken(*_: Any) -> None:
        raise LookupError("no sermos.yaml")

    monkeypatch.setattr(bootstrap, "celery_worker", broken)

    for _ in range(2):
        with pytest.raises(LookupError, match=r"no sermos\.yaml"):
            door.app.finalize()


def test_tasks_are_generated_in_an_application_of_the_users_own(door):
    theirs = Celery("shop", set_as_current=False)

    [task] = door.GenerateCeleryTasks(celery=theirs).generate()

    assert theirs.tasks[HANDLER] is task
    assert task.app is theirs


def test_importing_it_leaves_the_users_application_the_current_one(door, monkeypatch):
    theirs = Celery("shop")
    monkeypatch.delitem(sys.modules, "pypeline.celery")

    importlib.import_module("pypeline.celery")

    assert Celery("x", set_as_current=False) is not theirs
    assert _current() is theirs


def test_our_workers_neither_gossip_nor_mingle(door):
    worker = SimpleNamespace(app=door.app, options={"without_gossip": False})

    door._drop_chatter(worker)

    assert worker.options == {"without_gossip": True, "without_mingle": True}


def test_workers_of_other_applications_keep_their_gossip(door):
    worker = SimpleNamespace(app=Celery("shop", set_as_current=False), options={})

    door._drop_chatter(worker)

    assert worker.options == {}


def _current() -> Celery:
    from celery import current_app

    return current_app._get_current_object()
