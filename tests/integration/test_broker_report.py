"""What real brokers say of themselves."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest
import redis
from celery import Celery
from kombu import Connection

from celery_fakes import a_message, a_ref, wait_until
from pypeline.config.settings import Settings
from pypeline.tasks.brokers.dispatch import CeleryDispatcher
from pypeline.tasks.brokers.queues import DEAD_LETTERS, node_queue
from pypeline.tasks.brokers.report import examine
from pypeline.tasks.configure import configure_celery
from services import free_port, unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RABBITMQ = "amqp://guest:guest@127.0.0.1:5672//"
REDIS = "redis://127.0.0.1:6379/0"


def an_app(broker: str, folder: Path, name: str = "report") -> Celery:
    app = Celery("report", set_as_current=False)
    return configure_celery(app, Settings(folder=folder, broker=broker, app=name))


@pytest.fixture
def rabbit() -> Iterator[Connection]:
    with Connection(RABBITMQ, connect_timeout=2) as connection:
        try:
            connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0)
        except OSError as error:
            unavailable(f"RabbitMQ: no server at {RABBITMQ}: {error}")
        yield connection


@pytest.fixture
def name(rabbit) -> Iterator[str]:
    chosen = f"pypeline-test-{uuid.uuid4().hex}"
    yield chosen
    with rabbit.channel() as channel:
        channel.queue_delete(chosen)


def declare(connection: Connection, name: str, **options: Any) -> None:
    with connection.channel() as channel:
        channel.queue_declare(name, **{"durable": True, "auto_delete": False, **options})


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("classic", {}),
        ("classic", {"durable": False}),
        ("classic", {"auto_delete": True}),
        ("classic", {"arguments": {"x-queue-type": "classic"}}),
        ("classic", {"arguments": {"x-max-priority": 5, "x-dead-letter-exchange": "10", "x-message-ttl": 1}}),
        ("quorum", {"arguments": {"x-queue-type": "quorum"}}),
        ("quorum", {"arguments": {"x-queue-type": "quorum", "x-max-length": 7, "x-overflow": "drop-head"}}),
        (
            "quorum",
            {
                "arguments": {
                    "x-queue-type": "quorum",
                    "x-single-active-consumer": True,
                    "x-delivery-limit": 3,
                }
            },
        ),
        ("stream", {"arguments": {"x-queue-type": "stream", "x-max-length-bytes": 10_000_000}}),
    ],
)
def test_the_kind_of_a_queue_is_found_whatever_its_arguments(rabbit, name, tmp_path, kind, options):
    declare(rabbit, name, **options)

    report = examine(an_app(RABBITMQ, tmp_path), [name])

    assert [queue.kind for queue in report.queues] == [kind]
    # It was not changed: it still answers to what it was made of.
    declare(rabbit, name, **options)


def test_a_queue_of_ours_has_nothing_to_remark_on(rabbit, name, tmp_path):
    node_queue(name)(rabbit).declare()

    report = examine(an_app(RABBITMQ, tmp_path), [name], longest=60)

    assert (report.reachable, report.product) == (True, "RabbitMQ")
    assert report.version == rabbit.connection.server_properties["version"]
    assert [remark for remark in report.remarks if remark.about != DEAD_LETTERS] == []


def test_messages_that_wait_and_consumers_that_read_are_counted(rabbit, name, tmp_path):
    app = an_app(RABBITMQ, tmp_path)
    CeleryDispatcher(app).send([a_message(a_ref(item), queue=name) for item in range(3)])

    # Nobody confirms them: they are there a moment later.
    wait_until(lambda: examine(app, [name]).queues[0].messages == 3)
    assert examine(app, [name]).queues[0].consumers == 0


def test_a_queue_that_is_missing_stays_missing(rabbit, name, tmp_path):
    app = an_app(RABBITMQ, tmp_path)

    first, second = examine(app, [name]), examine(app, [name])

    assert not first.queues[0].exists
    assert not second.queues[0].exists


def test_a_queue_of_another_connection_alone_is_of_unknown_kind(rabbit, name, tmp_path):
    declare(rabbit, name, exclusive=True, durable=False)

    [queue] = examine(an_app(RABBITMQ, tmp_path), [name]).queues

    assert queue.kind == "unknown"


def test_a_classic_queue_is_remarked_on(rabbit, name, tmp_path):
    declare(rabbit, name)

    remarks = examine(an_app(RABBITMQ, tmp_path), [name]).remarks

    assert [remark.problem[:18] for remark in remarks if remark.about == name] == ["is a classic queue"]


@pytest.mark.parametrize(("longest", "expected"), [(60, 0), (1789, 0), (1790, 1), (None, 1)])
def test_handlers_that_outlive_the_consumer_timeout_are_remarked_on(
    rabbit, name, tmp_path, longest, expected
):
    declare(rabbit, name, arguments={"x-queue-type": "quorum"})

    remarks = examine(an_app(RABBITMQ, tmp_path), [name], longest=longest).remarks

    assert len([remark for remark in remarks if "consumer_timeout" in remark.remedy]) == expected


def test_redis_tells_its_version_and_how_much_waits(tmp_path):
    try:
        redis.Redis.from_url(REDIS).ping()
    except redis.ConnectionError as error:
        unavailable(f"redis: no server at {REDIS}: {error}")
    name = f"pypeline-test-{uuid.uuid4().hex}"
    app = an_app(REDIS, tmp_path, name)
    CeleryDispatcher(app).send([a_message(a_ref(item), queue=name) for item in range(3)])

    report = examine(app, [name], longest=3600)

    with app.connection_for_write() as connection:
        connection.default_channel.queue_purge(name)
    assert (report.product, report.queues[0].messages) == ("Redis", 3)
    assert [remark.remedy for remark in report.remarks] == [
        "raise visibility_timeout in broker_transport_options"
    ]


@pytest.mark.parametrize("scheme", ["amqp", "redis"])
def test_a_broker_that_does_not_answer_says_why_and_keeps_its_password(tmp_path, scheme):
    broker = f"{scheme}://someone:secret@127.0.0.1:{free_port()}/0"

    report = examine(an_app(broker, tmp_path), ["any"])

    assert not report.reachable
    assert "refused" in (report.error or "")
    assert "secret" not in repr(report)
    assert report.queues == ()
