"""What RabbitMQ says of itself and of its queues."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import amqp

from pypeline.tasks.brokers.facts import CLASSIC, QUORUM, STREAM, UNKNOWN, QueueReport, Remark
from pypeline.tasks.brokers.queue_kinds import kind_of, refusal_of
from pypeline.tasks.brokers.queues import DEAD_LETTERS, quorum_arguments
from pypeline.tasks.limits.timeouts import GRACE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kombu import Connection

    from pypeline.tasks.brokers.facts import BrokerReport

CONSUMER_TIMEOUT = 1800.0
"""Seconds after which RabbitMQ takes a message back, where nobody has set another time."""


def ask(
    connection: Connection, report: BrokerReport, names: Sequence[str], *, longest: float | None
) -> BrokerReport:
    """Fill in the report. Each queue is asked on a channel of its own: RabbitMQ closes one to say no."""
    line: Any = connection.connection
    server = line.server_properties
    expected = quorum_arguments(server.get("version", "0"))
    queues = tuple(_look(line, name, expected) for name in names)
    remarks = [
        *(remark for queue in queues for remark in _on_kind(queue)),
        *_on_time(line, queues, expected, longest),
        *_on_dead_letters(_look(line, DEAD_LETTERS, {})),
    ]
    return replace(
        report,
        product=server.get("product"),
        version=server.get("version"),
        queues=queues,
        remarks=tuple(remarks),
    )


def _look(line: Any, name: str, expected: dict[str, Any]) -> QueueReport:
    try:
        with line.channel() as channel:
            found = channel.queue_declare(name, passive=True)
    except amqp.NotFound:
        return QueueReport(name)
    except amqp.ChannelError:
        return QueueReport(name, UNKNOWN)
    return QueueReport(name, kind_of(line, name, expected), found.message_count, found.consumer_count)


def _on_kind(queue: QueueReport) -> Iterator[Remark]:
    replacement = "delete it while it is empty: the next worker or run makes a quorum queue of that name"
    if queue.kind == CLASSIC:
        yield Remark(
            queue.name,
            "is a classic queue: its messages live on one server only, and one that no worker survives comes "
            "back for ever",
            replacement,
        )
    elif queue.kind == STREAM:
        yield Remark(queue.name, "is a stream, from which no worker can take messages", replacement)


def _on_time(
    line: Any, queues: Sequence[QueueReport], expected: dict[str, Any], longest: float | None
) -> Iterator[Remark]:
    if longest is not None and longest + GRACE < CONSUMER_TIMEOUT:
        return
    for queue in queues:
        if queue.exists and not _waits_longer(line, queue, expected):
            yield Remark(
                queue.name,
                f"RabbitMQ takes a message back after its consumer_timeout, {CONSUMER_TIMEOUT:g} s by "
                f"default, but {_longest(longest)}: the handler goes on, but its worker loses its connection",
                "raise consumer_timeout in rabbitmq.conf above the longest maxTtl, in milliseconds",
            )


def _waits_longer(line: Any, queue: QueueReport, expected: dict[str, Any]) -> bool:
    """True for a queue that we have declared with a time of its own."""
    return (
        "x-consumer-timeout" in expected
        and queue.kind == QUORUM
        and refusal_of(line, queue.name, expected) is None
    )


def _longest(longest: float | None) -> str:
    return "a handler has no maxTtl" if longest is None else f"the longest maxTtl is {longest:g} s"


def _on_dead_letters(dead: QueueReport) -> Iterator[Remark]:
    if dead.messages:
        yield Remark(
            dead.name,
            f"holds {dead.messages:,} messages that no worker could take; each is a copy, no node is lost",
            "look at the worker's log for the reason, then purge the queue",
        )
