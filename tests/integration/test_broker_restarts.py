"""A RabbitMQ that restarts, loses everything, or takes no messages."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import amqp
import pytest
from kombu import Connection

from celery_broker_app import make_app
from celery_fakes import a_message, a_ref, wait_until
from celery_workers import worker_process
from private_rabbit import PrivateRabbit
from pypeline.errors import DispatchFailed
from pypeline.tasks.brokers.dispatch import CeleryDispatcher
from pypeline.tasks.brokers.report import examine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

QUEUE = "restarts"


@pytest.fixture(scope="module")
def rabbit() -> Iterator[PrivateRabbit]:
    with PrivateRabbit() as server:
        yield server


@pytest.fixture
def arrivals(tmp_path) -> Path:
    path: Path = tmp_path / "arrivals"
    path.touch()
    return path


def control(rabbit: PrivateRabbit, *command: str) -> str:
    program = "/usr/lib/rabbitmq/bin/rabbitmqctl"
    done = subprocess.run(
        [program, *command], env=rabbit._environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def send(dispatcher: CeleryDispatcher, item: int) -> bool:
    try:
        dispatcher.send([a_message(a_ref(item), queue=QUEUE)])
    except DispatchFailed:
        return False
    return True


def waiting(rabbit: PrivateRabbit, queue: str = QUEUE) -> int | None:
    """The messages of a queue. Nobody confirms those of a dispatcher: they are there a moment later."""
    return examine(make_app(rabbit.url, QUEUE), [queue]).queues[0].messages


def items_in(arrivals: Path) -> set[int]:
    return {int(line.split()[2]) for line in arrivals.read_text().splitlines()}


def test_a_dispatcher_goes_on_after_a_restart_and_after_the_broker_was_wiped(rabbit):
    app = make_app(rabbit.url, QUEUE)
    dispatcher = CeleryDispatcher(app)

    assert send(dispatcher, 1)
    wait_until(lambda: waiting(rabbit) == 1)
    rabbit.restart()
    wait_until(lambda: send(dispatcher, 2))
    wait_until(lambda: waiting(rabbit) == 2)
    kept = examine(app, [QUEUE]).queues[0]
    rabbit.wipe()
    wait_until(lambda: send(dispatcher, 3))
    wait_until(lambda: waiting(rabbit) == 1)
    after = examine(app, [QUEUE]).queues[0]

    assert (kept.kind, after.kind) == ("quorum", "quorum")


def test_a_worker_reads_on_after_the_broker_was_wiped(rabbit, arrivals):
    dispatcher = CeleryDispatcher(make_app(rabbit.url, QUEUE))

    with worker_process(rabbit.url, QUEUE, arrivals, pool="threads"):
        assert send(dispatcher, 1)
        wait_until(lambda: 1 in items_in(arrivals), timeout=60)
        rabbit.wipe()
        wait_until(lambda: send(dispatcher, 2))
        wait_until(lambda: 2 in items_in(arrivals), timeout=60)

    assert examine(make_app(rabbit.url, QUEUE), [QUEUE]).queues[0].kind == "quorum"


def test_a_worker_of_our_own_makes_no_queues_for_delayed_delivery(rabbit, arrivals):
    app = make_app(rabbit.url, QUEUE)
    dispatcher = CeleryDispatcher(app)

    with worker_process(rabbit.url, QUEUE, arrivals, pool="threads"):
        assert send(dispatcher, 5)
        wait_until(lambda: 5 in items_in(arrivals), timeout=60)
        report = examine(app, [QUEUE, "celery_delayed_0", "celery_delayed_27"])

    assert [queue.exists for queue in report.queues] == [True, False, False]


def test_a_worker_of_our_own_reads_a_queue_that_is_classic_already(rabbit, arrivals):
    with Connection(rabbit.url) as connection:
        connection.default_channel.queue_declare("classic", durable=True, auto_delete=False)
    dispatcher = CeleryDispatcher(make_app(rabbit.url, "classic"))

    with worker_process(rabbit.url, "classic", arrivals, pool="threads"):
        dispatcher.send([a_message(a_ref(8), queue="classic")])
        wait_until(lambda: 8 in items_in(arrivals), timeout=60)

    assert examine(make_app(rabbit.url, QUEUE), ["classic"]).queues[0].kind == "classic"


def test_a_broker_that_is_short_of_memory_is_left_alone_until_it_takes_messages_again(rabbit):
    dispatcher = CeleryDispatcher(make_app(rabbit.url, QUEUE))
    assert send(dispatcher, 1)

    control(rabbit, "set_vm_memory_high_watermark", "0")
    wait_until(lambda: not send(dispatcher, 2))
    with pytest.raises(DispatchFailed, match="short of memory"):
        dispatcher.send([a_message(queue=QUEUE)])
    control(rabbit, "set_vm_memory_high_watermark", "0.4")

    wait_until(lambda: send(dispatcher, 3))


def test_a_channel_that_the_broker_closed_is_opened_again(rabbit):
    dispatcher = CeleryDispatcher(make_app(rabbit.url, "closed"))
    dispatcher.send([a_message(a_ref(1), queue="closed")])
    used = []
    dispatcher._lines.use(used.append)

    with pytest.raises(amqp.NotFound):
        used[0]._channel.queue_declare("there-is-no-such-queue", passive=True)
    dispatcher.send([a_message(a_ref(2), queue="closed")])

    wait_until(lambda: waiting(rabbit, "closed") == 2)


def test_a_queue_may_be_deleted_while_its_worker_reads(rabbit, arrivals):
    app = make_app(rabbit.url, "deleted")
    dispatcher = CeleryDispatcher(app)

    with worker_process(rabbit.url, "deleted", arrivals, pool="threads"):
        dispatcher.send([a_message(a_ref(6), queue="deleted")])
        wait_until(lambda: 6 in items_in(arrivals), timeout=60)
        # Deleted while a message of it is out, a queue has been seen to leave its worker without a consumer.
        wait_until(lambda: "deleted\t0" in control(rabbit, "list_queues", "name", "messages_unacknowledged"))
        with Connection(rabbit.url) as connection:
            connection.default_channel.queue_delete("deleted")
        wait_until(lambda: bool(examine(app, ["deleted"]).queues[0].consumers), timeout=60)
        dispatcher.send([a_message(a_ref(7), queue="deleted")])
        wait_until(lambda: 7 in items_in(arrivals), timeout=60)
