"""Plain Celery tasks that the broker confirms: for ``track=False``."""

from __future__ import annotations

import time
from itertools import islice
from typing import TYPE_CHECKING, Any

from amqp.exceptions import MessageNacked
from celery.utils import uuid

from pypeline.errors import NotPublished
from pypeline.tasks.brokers.lines import Line
from pypeline.tasks.brokers.messages import EVENT_HEADER
from pypeline.tasks.brokers.queues import queue_of
from pypeline.tasks.brokers.shared_lines import SharedLines

if TYPE_CHECKING:
    from collections.abc import Iterable

    from celery import Celery

    from pypeline.engine.bare import BareTask

_PAUSES = (0.1, 0.5)
"""
Seconds between tries. RabbitMQ refuses messages for a moment where several publishers declare one new quorum
queue at once: some find it declared before it has a leader.
"""

_ON_THE_WAY = 200
"""Tasks that are sent before the broker has confirmed the first of them."""

_CONFIRMED_WITHIN = 10.0
"""Seconds that RabbitMQ has to say that it keeps a message."""

_HARD_AFTER = 10.0
"""Seconds between the soft and the hard limit of an attempt."""


class CeleryTasks:
    """
    Implements `pypeline.engine.bare.BareTasks` on the broker of a Celery application.

    It waits until the broker has taken each task: nobody else would send it again. Whoever sends beside
    others has a connection to itself.
    """

    def __init__(self, app: Celery) -> None:
        self._lines: SharedLines[_ConfirmedLine] = SharedLines(lambda: _line_to(app))

    def send(self, tasks: Iterable[BareTask]) -> list[str]:
        """Put the tasks on their queues, in order; answers their ids. Raises NotPublished."""
        sent: list[str] = []
        left = iter(tasks)
        while batch := {uuid(): task for task in islice(left, _ON_THE_WAY)}:
            unconfirmed = dict(batch)
            error = self._insist(unconfirmed)
            sent += [task_id for task_id in batch if task_id not in unconfirmed]
            if error is not None:
                raise NotPublished(error, sent) from error
        return sent

    def close(self) -> None:
        """Close the connections that nobody sends on; the next `send` opens another."""
        self._lines.close()

    def _insist(self, unconfirmed: dict[str, BareTask]) -> BaseException | None:
        """Try again under the same ids: should one have arrived after all, its copy can be told."""
        error = self._lines.use(lambda line: line.send(unconfirmed))
        for pause in _PAUSES:
            if error is None:
                break
            time.sleep(pause)
            error = self._lines.use(lambda line: line.send(unconfirmed), anew=True)
        return error


def _line_to(app: Celery) -> _ConfirmedLine:
    # Nobody beats the heart of an idle publisher.
    connection = app.connection_for_write(heartbeat=0)
    is_rabbit = connection.transport.driver_type == "amqp"
    return (_RabbitLine if is_rabbit else _ConfirmedLine)(app, connection)


class _ConfirmedLine(Line):
    """A connection to a broker that answers each publish: it returns when the message is kept."""

    _producer: Any = None

    def send(self, unconfirmed: dict[str, BareTask]) -> None:
        """Publish the tasks, taking away what the broker has. Raises one of its ``errors``."""
        if self._producer is None:
            self._connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0)
            self._producer = self._app.amqp.Producer(self._connection, auto_declare=False)
        self._send_all(unconfirmed)

    def _send_all(self, unconfirmed: dict[str, BareTask]) -> None:
        for task_id, task in tuple(unconfirmed.items()):
            self._send(task_id, task)
            del unconfirmed[task_id]

    def _send(self, task_id: str, task: BareTask) -> None:
        limit = task.max_ttl
        send: Any = self._app.send_task  # its stubs know neither parts of a second nor a queue itself
        send(
            task.handler,
            args=[task.event],
            task_id=task_id,
            queue=queue_of(self._app, task.queue),
            soft_time_limit=limit,
            time_limit=None if limit is None else limit + _HARD_AFTER,
            producer=self._producer,
            headers={EVENT_HEADER: True},
            # A message that no queue takes comes back: the queue may have been deleted since it was declared.
            mandatory=True,
            retry=False,
            add_to_parent=False,
        )


class _RabbitLine(_ConfirmedLine):
    """RabbitMQ confirms later, when the message is on the disks of the queue; others may follow meanwhile."""

    def __init__(self, app: Celery, connection: Any) -> None:
        super().__init__(app, connection)
        self.errors = (*self.errors, MessageNacked)
        self._open: dict[int, str] = {}
        self._number = 0
        self._unconfirmed: dict[str, BareTask] = {}

    def _send_all(self, unconfirmed: dict[str, BareTask]) -> None:
        if self._number == 0:
            self._listen()
        self._unconfirmed = unconfirmed
        for task_id, task in tuple(unconfirmed.items()):
            self._number += 1
            self._open[self._number] = task_id
            self._send(task_id, task)
        while self._open:
            self._connection.drain_events(timeout=_CONFIRMED_WITHIN)
        if unconfirmed:
            raise MessageNacked("it could not keep the others")

    def _listen(self) -> None:
        channel: Any = self._connection.default_channel  # its stubs know of no broker's own
        channel.events["basic_ack"].add(self._confirmed)
        channel.events["basic_nack"].add(self._refused)
        channel.confirm_select()

    def _confirmed(self, number: int, multiple: bool) -> None:  # noqa: FBT001 - py-amqp's
        for task_id in self._answered(number, multiple):
            del self._unconfirmed[task_id]

    def _refused(self, number: int, multiple: bool) -> None:  # noqa: FBT001 - py-amqp's
        # The others are on their way still: to break off here would send those again that are kept.
        self._answered(number, multiple)

    def _answered(self, number: int, multiple: bool) -> list[str]:  # noqa: FBT001 - py-amqp's
        """The tasks that the broker speaks of, no longer open."""
        done = [one for one in self._open if one <= number] if multiple else [number]
        return [self._open.pop(one) for one in done]
