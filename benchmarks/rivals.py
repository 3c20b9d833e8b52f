"""
The plain Celery application that PypeLine is measured against. Its tasks do nothing but be counted.

They are acknowledged late, as PypeLine's are, and travel through a queue with the same arguments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from celery import Celery
from kombu import Connection, Exchange, Queue

from pypeline.tasks.brokers.queues import quorum_arguments
from tally import count_one

if TYPE_CHECKING:
    from collections.abc import Mapping

NODE = "rivals.node"
HOP = "rivals.hop"
JOIN = "rivals.join"

BROKER = "BENCHMARK_BROKER"
QUEUE = "BENCHMARK_QUEUE"
RESULTS = "BENCHMARK_RESULTS"
"""Names the result backend; where it is missing no result is kept."""


def make_app(environment: Mapping[str, str]) -> Celery:
    """The application that the environment describes."""
    name, results = environment[QUEUE], environment.get(RESULTS)
    app = Celery("rivals", broker=environment[BROKER], backend=results)
    app.conf.update(
        task_acks_late=True,
        task_ignore_result=results is None,
        task_default_queue=name,
        task_queues=[_queue(environment[BROKER], name)],
        broker_connection_retry_on_startup=True,
        result_backend_transport_options={"global_keyprefix": f"{name}:"},
        result_expires=600,
    )
    if environment[BROKER].startswith("redis"):
        app.conf.broker_transport_options = {"global_keyprefix": f"{name}:"}
    _add_tasks(app)
    return app


def _add_tasks(app: Celery) -> None:
    @app.task(name=NODE, shared=False)
    def node() -> None:
        count_one()

    @app.task(name=HOP, shared=False)
    def hop(left: int) -> None:
        if left > 1:
            hop.apply_async((left - 1,))
        count_one()

    @app.task(name=JOIN, shared=False)
    def join() -> None:
        """Stand between two groups."""


def _queue(broker: str, name: str) -> Queue:
    # A topic exchange: only with that are Celery's countdowns, which dyrygent uses, kept by RabbitMQ and not
    # among the messages that a worker holds.
    return Queue(name, Exchange(name, "topic"), routing_key=name, queue_arguments=_arguments(broker))


def _arguments(broker: str) -> dict[str, Any]:
    if broker.startswith("redis"):
        return {}
    with Connection(broker) as connection:
        channel: Any = connection.default_channel
        return quorum_arguments(channel.connection.server_properties["version"])
