"""``ChainedTask``: the Celery task of a handler."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from celery import Task
from celery.exceptions import Reject
from celery.utils.imports import instantiate

from pypeline.tasks.attempts.worker import ShuttingDown
from pypeline.tasks.brokers.messages import EVENT_HEADER, HEADER, read_ref

if TYPE_CHECKING:
    from collections.abc import Callable

    from celery import Celery

    from pypeline.store.records import AttemptRef
    from pypeline.tasks.workers.process import PerProcess

logger = logging.getLogger(__name__)

_BESIDE = "pypeline:"
"""Before the name of our task where the application has a task of the handler's name."""


class ChainedTask(Task):  # type: ignore[type-arg] # generic in its stubs only
    """
    Calls a handler. A message of ours makes it an attempt of a node; any other call is a plain Celery task's.

    What a node needs of Celery is set here, for this task alone: the message is acknowledged when the outcome
    is recorded. That the result is ignored travels with a node's message, so that a plain call keeps its own.
    """

    abstract = True
    acks_late = True
    reject_on_worker_lost = False  # the lease and the sweep take over; a rejected poison task loops for ever
    serializer = "json"
    track_started = False
    send_events = False
    Request = "pypeline.tasks.workers.request:NodeRequest"

    call: Callable[..., Any]
    call_published: Callable[[Any], Any]
    perform: Callable[[AttemptRef], None]
    staff: PerProcess | None = None
    """Whom the request tells what the children of a pool run."""

    def run(self, *args: Any, **kwargs: Any) -> Any:
        """Do the attempt that the message names, or call the handler as it is."""
        carried = self.request.get(HEADER)
        if carried is not None:
            self._attempt(carried)
            return None
        if self.request.get(EVENT_HEADER):
            return self.call_published(*args)
        return self.call(*args, **kwargs)

    def _attempt(self, carried: Any) -> None:
        try:
            ref = read_ref(carried)
        except ValueError:
            logger.exception("dropped a message for %s", self.name)
            return
        try:
            self.perform(ref)
        except ShuttingDown as error:
            raise Reject(error, requeue=True) from error


def chain(
    app: Celery,
    name: str,
    *,
    call: Callable[..., Any],
    perform: Callable[[AttemptRef], None],
    call_published: Callable[[Any], Any] | None = None,
    staff: PerProcess | None = None,
) -> ChainedTask:
    """
    Register the `ChainedTask` of a handler: ``call`` is the handler, ``perform`` does an attempt.

    ``call_published``, by default ``call``, is the handler for an event that was published and is tracked by
    nothing. ``staff`` is that of a worker with processes.

    Where the application has a task of that name, it stays as it is, and only our own messages pass it by.
    """
    theirs = app.tasks.get(name)
    ours_alone = theirs is None or isinstance(theirs, _Generated)
    attributes = {
        "call": staticmethod(call),
        "call_published": staticmethod(call_published or call),
        "perform": staticmethod(perform),
        "staff": staff,
    }
    ours = _register(app, name if ours_alone else _BESIDE + name, call, attributes)
    if theirs is None or ours_alone:
        return ours
    if not isinstance(theirs.Strategy, _ByHeader):
        theirs.Strategy = _ByHeader(theirs.Strategy, ours.name)  # type: ignore[assignment] # or what it names
    return ours


class _Generated(ChainedTask):
    """Tells the tasks that we make from those that a user bases on `ChainedTask`."""

    abstract = True


def _register(app: Celery, name: str, handler: Callable[..., Any], attributes: dict[str, Any]) -> ChainedTask:
    # A class for each, as `app.task` makes: Celery binds classes, not instances, to an application.
    attributes |= {"name": name, "__doc__": handler.__doc__, "__module__": __name__}
    made = type("ChainedTask", (_Generated,), attributes)
    app.tasks.pop(name, None)
    registered: ChainedTask = app.register_task(made())
    return registered


class _ByHeader:
    """A Celery strategy, what a worker does with a task's messages: ours go to our task, theirs to theirs."""

    def __init__(self, plain: Any, ours: str) -> None:
        self._plain = plain
        self._ours = ours

    def __call__(self, task: Any, app: Celery, consumer: Any, **kwargs: Any) -> Callable[..., Any]:
        plain = instantiate(self._plain, task, app, consumer, **kwargs)
        node = app.tasks[self._ours].start_strategy(app, consumer, **kwargs)

        def handle(message: Any, *args: Any, **kwargs: Any) -> Any:
            if HEADER not in message.headers and EVENT_HEADER not in message.headers:
                return plain(message, *args, **kwargs)
            message.headers["task"] = self._ours
            return node(message, *args, **kwargs)

        return handle
