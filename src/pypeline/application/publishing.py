"""Handing single tasks to workers: as runs of one node, or bare."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any

from pypeline.application.payloads import require_json
from pypeline.application.queue_names import queue_fault
from pypeline.config.task_plan import task_plan
from pypeline.engine.bare import BareTask
from pypeline.errors import InvalidInput, InvalidPayload, UnknownTask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pypeline.config import Config
    from pypeline.engine import Engine
    from pypeline.engine.bare import BareTasks
    from pypeline.types import JsonObject

TRIGGER = "publish"
_LONGEST = 10 * 366 * 86_400.0  # seconds, as in the configuration
_SHOWN = 60


class Publishing:
    """
    Publishes the tasks that a configuration registers. Safe to use from several threads.

    ``before`` hears of a task and its queue before it is sent, and may raise. Without ``bare`` all that is
    published is tracked.
    """

    def __init__(
        self,
        engine: Engine,
        bare: BareTasks | None,
        config: Config,
        *,
        default_queue: str,
        before: Callable[[str, str], object] | None = None,
    ) -> None:
        self._engine = engine
        self._bare = bare
        self._registered = tuple(config.handlers())
        self._default_queue = default_queue
        self._before = before

    def publish(
        self,
        task_path: str,
        payload: JsonObject,
        queue: str | None = None,
        max_ttl: float | None = None,
        track: bool = True,  # noqa: FBT001, FBT002
    ) -> str:
        """
        Hand one task to a worker; answers the id of its run, or where it is not tracked of its Celery task.

        A tracked one is stored when this returns, also where the broker is away. Raises UnknownTask,
        InvalidPayload and InvalidInput; DatabaseUnavailable; NotPublished where it is not tracked.
        """
        chosen = self._checked(task_path, queue, max_ttl)
        _require_object(payload)
        if track:
            return self._engine.start(task_plan(task_path, chosen, max_ttl), payload, trigger=TRIGGER)
        return self._untracked([BareTask(task_path, payload, chosen, max_ttl)])[0]

    def publish_in_batches(  # noqa: PLR0913, PLR0917 - the public signature
        self,
        task_path: str,
        payloads: Iterable[Any],
        queue: str | None,
        grouping_key: str = "tasks",
        max_per_task: int = 5,
        max_ttl: float | None = None,
        track: bool = True,  # noqa: FBT001, FBT002
    ) -> list[str]:
        """
        Hand a list to workers, ``max_per_task`` payloads a task; answers the tasks' ids as `publish` does.

        Each task gets ``{grouping_key: [payload, …]}``. Tracked ones are stored all together or not at all.
        Raises as `publish`.
        """
        chosen = self._checked(task_path, queue, max_ttl)
        _check_grouping(grouping_key, max_per_task)
        events: list[JsonObject] = [{grouping_key: batch} for batch in _batched(payloads, max_per_task)]
        for number, event in enumerate(events):
            require_json(event, f"batch {number}")
        if not events:
            return []
        if track:
            return self._engine.start_all(task_plan(task_path, chosen, max_ttl), events, trigger=TRIGGER)
        return self._untracked([BareTask(task_path, event, chosen, max_ttl) for event in events])

    def _untracked(self, tasks: list[BareTask]) -> list[str]:
        assert self._bare is not None, "without it all is tracked"  # noqa: S101 - by the door
        return self._bare.send(tasks)

    def _checked(self, task_path: str, queue: str | None, max_ttl: float | None) -> str:
        """The queue that the task goes to."""
        if not isinstance(task_path, str):
            raise InvalidInput(f"task_path: {task_path!r} is no path such as 'package.module.function'")
        if task_path not in self._registered:
            raise UnknownTask(task_path, self._registered)
        if queue is not None and not (isinstance(queue, str) and queue):
            raise InvalidInput(f"queue: {queue!r} is no name of a queue; leave it out for the default queue")
        if queue is not None and (fault := queue_fault(queue)) is not None:
            raise InvalidInput(f"queue: {fault}")
        if max_ttl is not None and not _is_limit(max_ttl):
            raise InvalidInput(f"max_ttl: {max_ttl!r} is no number of seconds above 0; None sets no limit")
        chosen = queue or self._default_queue
        if self._before is not None:
            self._before(task_path, chosen)
        return chosen


def _is_limit(value: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and 0 < value <= _LONGEST  # type: ignore[arg-type, operator] # a number


def _check_grouping(key: object, most: object) -> None:
    if not isinstance(key, str) or not key:
        raise InvalidInput(f"grouping_key: {key!r} is no key of a payload; write a name such as 'tasks'")
    if not isinstance(most, int) or isinstance(most, bool) or most < 1:
        raise InvalidInput(f"max_per_task: {most!r} is no number of payloads from 1 up")


def _batched(payloads: Iterable[Any], most: int) -> Iterator[list[Any]]:
    if isinstance(payloads, str | bytes | dict) or not isinstance(payloads, Iterable):
        raise InvalidPayload(f"payloads: a list of payloads is wanted, not {_shown(payloads)}")
    left = iter(payloads)
    while batch := list(islice(left, most)):
        yield batch


def _require_object(payload: object) -> None:
    if not isinstance(payload, dict) or not all(isinstance(key, str) for key in payload):
        raise InvalidPayload(f"the payload of a task is a JSON object such as {{}}, not {_shown(payload)}")
    require_json(payload)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
