"""Messages for tasks that a worker does not have."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from pypeline.tasks.brokers.messages import HEADER
from pypeline.tasks.workers.missing import ANY_HANDLER, _Strategies, refuse_call


class Consumer:
    """What Celery's consumer has: a strategy for each task, and what it does where it has none."""

    def __init__(self) -> None:
        self.handled = []
        self.unknown = []
        self.strategies = {"known": self._handle("known"), ANY_HANDLER: self._handle(ANY_HANDLER)}

    def on_unknown_task(self, body, message, error):
        self.unknown.append(error.args[0])

    def _handle(self, name):
        return lambda message: self.handled.append((name, message.headers["task"]))


@pytest.fixture
def consumer():
    return Consumer()


@pytest.fixture
def deliver(consumer):
    strategies = _Strategies(consumer)

    def deliver(name, **headers):
        strategies[name](SimpleNamespace(headers={"task": name, **headers}))

    return deliver


def test_a_known_task_is_handled_as_ever(consumer, deliver):
    deliver("known")

    assert consumer.handled == [("known", "known")]


def test_a_node_of_an_unknown_handler_goes_to_the_task_that_postpones_it(consumer, deliver):
    deliver("vanished", **{HEADER: ["run", 0, -1, 1]})

    assert consumer.handled == [(ANY_HANDLER, ANY_HANDLER)]
    assert consumer.unknown == []


def test_an_unknown_message_of_other_origin_is_treated_as_celery_does(consumer, deliver):
    deliver("vanished")

    assert consumer.handled == []
    assert consumer.unknown == ["vanished"]


def test_the_task_that_postpones_cannot_be_called():
    with pytest.raises(TypeError, match="for nodes only"):
        refuse_call({})
