"""
The door for handing out single tasks: `publish` and `publish_in_batches`.

What they go through is opened with the first task, once a process: threads share it, a process that was
forked off opens its own. In a process that has a worker, theirs is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pypeline.bootstrap import publisher

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pypeline.types import JsonObject

__all__ = ["publish", "publish_in_batches"]


def publish(
    task_path: str,
    payload: JsonObject,
    queue: str | None = None,
    max_ttl: float | None = None,
    track: bool = True,  # noqa: FBT001, FBT002 - the public signature
) -> str:
    """
    Hand one task to a worker: the handler at ``task_path`` is called with ``payload`` in its event.

    It is a run of one node, with history and retry, and its id is answered; it is stored when this returns,
    also where the broker is away. With ``track=False`` it is a bare Celery task, of which nothing is kept:
    the id of that is answered, once the broker has it. ``queue`` is by default PYPELINE_DEFAULT_QUEUE;
    ``max_ttl`` limits one attempt, in seconds.

    Raises UnknownTask, InvalidPayload and InvalidInput; InvalidSetting where no broker is set, unless a
    worker is inside this process; DatabaseUnavailable; NotPublished where ``track`` is false and the broker
    is away.
    """
    return publisher().publish(task_path, payload, queue, max_ttl, track)


def publish_in_batches(  # noqa: PLR0913, PLR0917 - the public signature
    task_path: str,
    payloads: Iterable[Any],
    queue: str | None,
    grouping_key: str = "tasks",
    max_per_task: int = 5,
    max_ttl: float | None = None,
    track: bool = True,  # noqa: FBT001, FBT002
) -> list[str]:
    """
    Hand a list to workers in batches: a task for each ``max_per_task`` payloads, as `publish` does.

    The payload of a task is ``{grouping_key: [payload, ...]}``. Answers the ids of the tasks in the order of
    the list. Tracked ones are stored all together or not at all. Raises as `publish`.
    """
    return publisher().publish_in_batches(
        task_path, payloads, queue, grouping_key, max_per_task, max_ttl, track
    )
