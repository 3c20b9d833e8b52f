"""The queues of nodes on a real RabbitMQ."""

from __future__ import annotations

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import amqp
import pytest
from celery import Celery
from kombu import Connection

from celery_fakes import a_message, a_ref, wait_until
from pypeline.tasks.brokers.dispatch import CeleryDispatcher
from pypeline.tasks.brokers.messages import HEADER
from pypeline.tasks.brokers.queues import DEAD_LETTERS, DELIVERY_LIMIT, node_queue, quorum_arguments
from services import unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

BROKER = "amqp://guest:guest@127.0.0.1:5672//"


@pytest.fixture(scope="module")
def connection() -> Iterator[Connection]:
    with Connection(BROKER, connect_timeout=2) as opened:
        try:
            opened.ensure_connection(max_retries=1, interval_start=0, interval_step=0)
        except OSError as error:
            unavailable(f"RabbitMQ: no server at {BROKER}: {error}")
        yield opened


@pytest.fixture
def name(connection) -> Iterator[str]:
    chosen = f"pypeline-test-{uuid.uuid4().hex}"
    yield chosen
    with connection.channel() as channel:
        channel.queue_delete(chosen)


def declare(connection: Connection, name: str, **options: Any) -> None:
    with connection.channel() as channel:
        channel.queue_declare(name, durable=True, auto_delete=False, **options)


def is_quorum(connection: Connection, name: str) -> bool:
    version = connection.connection.server_properties["version"]
    try:
        declare(connection, name, arguments=quorum_arguments(version))
    except amqp.PreconditionFailed:
        return False
    return True


def waiting(connection: Connection, name: str) -> int:
    with connection.channel() as channel:
        return channel.queue_declare(name, passive=True).message_count


def test_a_new_queue_is_a_quorum_queue_with_a_limit_and_dead_letters(connection, name):
    node_queue(name)(connection).declare()

    assert is_quorum(connection, name)
    assert waiting(connection, DEAD_LETTERS) >= 0


@pytest.mark.parametrize(
    "arguments", [None, {"x-max-priority": 5}, {"x-queue-type": "quorum", "x-max-length": 10}]
)
def test_a_queue_of_another_kind_is_used_as_it_is(connection, name, arguments):
    declare(connection, name, arguments=arguments)

    bound = node_queue(name)(connection)
    bound.declare()
    bound.declare()

    # It still answers to what it was made of.
    declare(connection, name, arguments=arguments)


def test_the_channel_of_the_declaration_stays_open(connection, name):
    channel = connection.channel()

    node_queue(name)(channel).declare()

    assert channel.queue_declare(name, passive=True).message_count == 0


def test_declarations_leave_no_channels_behind(connection, name):
    node_queue(name)(connection).declare()
    before = len(connection.connection.channels)

    for _ in range(5):
        node_queue(name)(connection).declare()

    assert len(connection.connection.channels) == before


def test_many_processes_may_declare_at_once(connection, name):
    start = threading.Barrier(8)

    def declare_one(_: int) -> str:
        with Connection(BROKER) as own:
            own.connect()
            start.wait(10)
            return node_queue(name)(own).declare()

    with ThreadPoolExecutor(8) as threads:
        declared = list(threads.map(declare_one, range(8)))

    assert declared == [name] * 8
    assert is_quorum(connection, name)


def test_a_queue_that_another_makes_meanwhile_is_used_as_it_is(connection, name, monkeypatch):
    from pypeline.tasks.brokers import queues

    exists = queues._exists

    def make_it_after_the_look(opened: Any, looked_for: str) -> bool:
        monkeypatch.setattr(queues, "_exists", exists)
        found = exists(opened, looked_for)
        declare(connection, name)
        return found

    monkeypatch.setattr(queues, "_exists", make_it_after_the_look)

    node_queue(name)(connection).declare()

    assert not is_quorum(connection, name)


def test_a_message_that_comes_back_too_often_becomes_a_dead_letter(connection, name):
    app = Celery("dead", broker=BROKER, set_as_current=False)
    run_id = uuid.uuid4().hex
    CeleryDispatcher(app).send([a_message(a_ref(run_id=run_id), queue=name)])
    wait_until(lambda: waiting(connection, name) == 1)

    with connection.channel() as channel:
        wait_until(lambda: send_back(channel, name) > DELIVERY_LIMIT)

    wait_until(lambda: [run_id, 0, -1, 1] in dead_letters(connection))


def send_back(channel: Any, name: str) -> int:
    """Refuse the next message of a queue; answers how often that was done."""
    message = channel.basic_get(name)
    if message is not None:
        channel.basic_reject(message.delivery_tag, requeue=True)
        return message.properties["application_headers"].get("x-delivery-count", 0) + 1
    return DELIVERY_LIMIT + 1


def dead_letters(connection: Connection) -> list[Any]:
    """The attempts of the dead letters, which stay where they are."""
    found = []
    with connection.channel() as channel:
        while (message := channel.basic_get(DEAD_LETTERS)) is not None:
            found.append(message.properties["application_headers"].get(HEADER))
    return found
