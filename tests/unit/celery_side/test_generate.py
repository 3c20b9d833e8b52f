"""The tasks of a registry's handlers."""

from __future__ import annotations

import logging
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from celery import Celery

from celery_fakes import a_ref
from pypeline.runs.listing import LIST_FILES
from pypeline.tasks.attempts.registry import Registry
from pypeline.tasks.brokers.messages import own_headers
from pypeline.tasks.chained import ChainedTask
from pypeline.tasks.generate import generate_tasks

if TYPE_CHECKING:
    from pypeline.store.records import AttemptRef

MODULE = "celery_side_shop"


@pytest.fixture
def shop(monkeypatch):
    """A module of handlers; what a test puts into it is importable as ``celery_side_shop.<name>``."""
    module = SimpleNamespace(__name__=MODULE)
    monkeypatch.setitem(sys.modules, MODULE, module)
    return module


def generate(app: Celery, *names: str, perform: Any = lambda _: None) -> list[ChainedTask]:
    return generate_tasks(app, Registry({f"{MODULE}.{name}": {} for name in names}, {}), perform)


@pytest.fixture
def app():
    return Celery("shop", set_as_current=False)


def test_every_handler_gets_a_task_of_its_path(app, shop):
    shop.clean = lambda event: event
    shop.count = len

    tasks = generate(app, "clean", "count")

    assert [task.name for task in tasks] == [f"{MODULE}.clean", f"{MODULE}.count"]
    assert all(app.tasks[task.name] is task for task in tasks)


def test_every_worker_has_what_lists_files_for_nodes_alone(app):
    performed = []

    assert generate(app, perform=performed.append) == []

    task = app.tasks[LIST_FILES]
    ref = a_ref()
    task.push_request(**own_headers(ref))
    task.run()
    task.pop_request()
    assert performed == [ref]
    with pytest.raises(TypeError, match="for nodes only"):
        task({"bucket": "another"})


def test_tasks_are_bound_to_their_own_application(shop):
    shop.clean = lambda event: event
    one, other = Celery("one", set_as_current=False), Celery("other", set_as_current=False)

    [mine], [theirs] = generate(one, "clean"), generate(other, "clean")

    assert (mine.app, theirs.app) == (one, other)


def test_a_generated_task_acknowledges_late_whatever_the_application_says(app, shop):
    app.conf.update(task_acks_late=False, task_reject_on_worker_lost=True, task_track_started=True)
    shop.clean = lambda event: event

    [task] = generate(app, "clean")

    assert (task.acks_late, task.reject_on_worker_lost, task.track_started) == (True, False, False)
    assert app.conf.task_acks_late is False


def test_a_coroutine_is_run_when_its_task_is_called(app, shop):
    async def clean(event: dict[str, int]) -> int:
        return event["a"]

    shop.clean = clean

    [task] = generate(app, "clean")

    assert task({"a": 3}) == 3


def test_a_handler_that_asks_for_tools_gets_them_when_its_task_is_called(app, shop):
    shop.clean = lambda event, tools: (event["a"], tools.cancelled)

    [task] = generate(app, "clean")

    assert task({"a": 3}) == (3, False)
    assert task({"a": 3}, SimpleNamespace(cancelled=True)) == (3, True)


def test_a_handler_that_cannot_be_imported_still_gets_its_task(app, shop, caplog):
    done: list[AttemptRef] = []

    with caplog.at_level(logging.WARNING, "pypeline"):
        [task] = generate(app, "nowhere", perform=done.append)
    task.perform(a_ref(1))

    assert "has no `nowhere`" in caplog.text
    assert done == [a_ref(1)]


def test_a_task_of_the_users_own_stays_and_ours_stands_beside_it(app, shop):
    @app.task(name=f"{MODULE}.clean", max_retries=7, shared=False)
    def clean(event: Any) -> Any:
        return event

    shop.clean = clean

    [task] = generate(app, "clean")

    assert app.tasks[f"{MODULE}.clean"].max_retries == 7
    assert not isinstance(app.tasks[f"{MODULE}.clean"], ChainedTask)
    assert task.name == f"pypeline:{MODULE}.clean"


def test_a_task_that_the_user_bases_on_ours_is_the_users(app, shop):
    @app.task(name=f"{MODULE}.clean", base=ChainedTask, shared=False)
    def clean(event: Any) -> Any:
        return event

    shop.clean = clean

    [task] = generate(app, "clean")

    assert app.tasks[f"{MODULE}.clean"]({"a": 1}) == {"a": 1}
    assert task.name == f"pypeline:{MODULE}.clean"


def test_generating_twice_replaces_what_was_generated(app, shop):
    shop.clean = lambda event: event
    generate(app, "clean")

    [task] = generate(app, "clean")

    assert app.tasks[f"{MODULE}.clean"] is task
