"""Messages for handlers that this worker does not have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from celery import bootsteps

from pypeline.tasks.brokers.messages import HEADER

if TYPE_CHECKING:
    from collections.abc import Callable

    from celery import Celery

ANY_HANDLER = "pypeline:any-handler"
"""The task that takes them: it claims the node, finds no handler, and postpones it with the reason."""


def keep_unknown(app: Celery) -> None:
    """
    Have workers of this application keep our messages for tasks that they do not have; a deploy removed them.

    Celery discards such messages. Those of other origin it still does.
    """
    app.steps["consumer"].add(_KeepUnknown)


def refuse_call(*_: Any, **__: Any) -> NoReturn:
    """What a plain call does of a task that has no function of the user's."""
    raise TypeError("this task is for nodes only")


class _KeepUnknown(bootsteps.StartStopStep):
    """A step in the start of a worker's consumer, after it has looked through the tasks."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def start(self, c: Any) -> None:
        if not isinstance(c.strategies, _Strategies):
            c.strategies = _Strategies(c)


class _Strategies(dict[str, "Callable[..., Any]"]):
    """Celery's table of what to do with the messages of a task, but that it answers for every name."""

    def __init__(self, consumer: Any) -> None:
        super().__init__(consumer.strategies)
        self._consumer = consumer

    def __missing__(self, name: str) -> Callable[..., Any]:
        def handle(message: Any, *args: Any, **kwargs: Any) -> Any:
            if HEADER not in message.headers:
                return self._consumer.on_unknown_task(None, message, KeyError(name))
            message.headers["task"] = ANY_HANDLER
            return self[ANY_HANDLER](message, *args, **kwargs)

        return handle
