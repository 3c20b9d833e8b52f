"""Messages that leave through an application's broker."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from kombu import Consumer

from celery_fakes import a_message, a_ref, wait_until
from pypeline.config.settings import Settings
from pypeline.errors import DispatchFailed
from pypeline.tasks.brokers import lines, shared_lines
from pypeline.tasks.brokers.dispatch import CeleryDispatcher
from pypeline.tasks.brokers.messages import HEADER
from pypeline.tasks.configure import configure_celery
from pypeline.tasks.workers.embedded import embedded_app
from services import free_port


def _sends(dispatcher: CeleryDispatcher) -> bool:
    try:
        dispatcher.send([a_message()])
    except DispatchFailed:
        return False
    return True


def received(app: Celery, queue: str, count: int) -> list[Any]:
    """The next messages of a queue, as a consumer sees them."""
    found: list[Any] = []
    with app.connection_for_read() as connection:
        consumer = Consumer(connection, [app.amqp.queues[queue]], on_message=found.append, accept=["json"])
        with consumer:
            while len(found) < count:
                connection.drain_events(timeout=10)
    return found


def test_messages_keep_their_order_and_carry_their_attempt():
    app = embedded_app()

    CeleryDispatcher(app).send([a_message(a_ref(item)) for item in range(20)])

    messages = received(app, "demo", 20)
    assert [message.headers[HEADER] for message in messages] == [["run", 0, item, 1] for item in range(20)]


def test_a_message_is_one_of_celerys_protocol():
    app = embedded_app()

    CeleryDispatcher(app).send([a_message()])

    [message] = received(app, "demo", 1)
    arguments, keywords, embedded = message.payload
    assert (arguments, keywords, embedded["chain"]) == ([], {}, None)
    assert message.headers["task"] == "demo.tasks.clean"
    assert message.properties["correlation_id"] == message.headers["id"]


def test_each_message_goes_to_its_own_queue():
    app = embedded_app()

    CeleryDispatcher(app).send([a_message(queue="slow"), a_message(a_ref(2), queue="fast")])

    assert [message.headers[HEADER][2] for message in received(app, "fast", 1)] == [2]
    assert [message.headers[HEADER][2] for message in received(app, "slow", 1)] == [-1]


@pytest.mark.parametrize("scheme", ["amqp", "redis", "confluentkafka"])
def test_a_broker_that_is_away_raises_dispatch_failed(scheme):
    settings = Settings(folder=Path.cwd(), broker=f"{scheme}://127.0.0.1:{free_port()}/0", app="away")
    app = configure_celery(Celery("away", set_as_current=False), settings)

    with pytest.raises(DispatchFailed, match="the broker does not answer"):
        CeleryDispatcher(app).send([a_message()])


def test_a_broker_that_took_long_to_fail_is_left_alone_for_as_long(monkeypatch):
    app = embedded_app()
    dispatcher = CeleryDispatcher(app)
    tries: list[Any] = []

    def hang(message: Any) -> Any:
        tries.append(message)
        threading.Event().wait(0.1)
        raise TimeoutError("no answer")

    monkeypatch.setattr(lines, "headers_of", hang)

    for _ in range(3):
        with pytest.raises(DispatchFailed):
            dispatcher.send([a_message()])

    assert len(tries) == 2
    monkeypatch.undo()
    wait_until(lambda: _sends(dispatcher))


def test_a_publish_that_breaks_once_goes_on_where_it_broke(monkeypatch):
    app = embedded_app()
    breaks = iter([False, False, True])
    prepare = lines.headers_of

    def break_at_the_third(message: Any) -> Any:
        if next(breaks, False):
            raise ConnectionResetError("gone")
        return prepare(message)

    monkeypatch.setattr(lines, "headers_of", break_at_the_third)

    CeleryDispatcher(app).send([a_message(a_ref(item)) for item in range(5)])

    assert [message.headers[HEADER][2] for message in received(app, "demo", 5)] == [0, 1, 2, 3, 4]


def test_threads_send_beside_each_other():
    app = embedded_app()
    dispatcher = CeleryDispatcher(app)
    threads = [
        threading.Thread(
            target=dispatcher.send, args=([a_message(a_ref(item)) for item in range(n, n + 50)],)
        )
        for n in (0, 50, 100, 150)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    messages = received(app, "demo", 200)
    assert sorted(message.headers[HEADER][2] for message in messages) == list(range(200))


def test_a_dispatcher_sends_again_after_it_was_closed():
    app = embedded_app()
    dispatcher = CeleryDispatcher(app)

    dispatcher.send([a_message(a_ref(1))])
    dispatcher.close()
    dispatcher.send([a_message(a_ref(2))])

    assert [message.headers[HEADER][2] for message in received(app, "demo", 2)] == [1, 2]


def test_a_forked_child_takes_a_connection_of_its_own(monkeypatch):
    app = embedded_app()
    dispatcher = CeleryDispatcher(app)
    used: list[Any] = []
    dispatcher._lines.use(used.append)
    monkeypatch.setattr(shared_lines.os, "getpid", lambda: -1)
    dispatcher._lines.use(used.append)

    assert used[0] is not used[1]
