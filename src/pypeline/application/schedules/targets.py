"""What a schedule starts: its target as the configuration has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pypeline.application.queue_names import queue_fault
from pypeline.config.findings import Hints
from pypeline.config.task_plan import task_plan
from pypeline.errors import InvalidSchedule
from pypeline.schedules.schedule import TargetKind

if TYPE_CHECKING:
    from pypeline.config import Config
    from pypeline.runs.plan import Plan
    from pypeline.schedules.schedule import Schedule
    from pypeline.types import JsonObject


def target_of(config: Config, schedule: Schedule, *, default_queue: str) -> tuple[Plan, JsonObject]:
    """
    The plan and the payload of the runs of a schedule.

    The event defaults of a task are merged by the worker. Raises InvalidSchedule (there is no such target,
    or no broker takes its queue) and InvalidPayload.
    """
    if schedule.target_kind is TargetKind.PIPELINE:
        _require_pipeline(config, schedule.target)
        payload = config.checked_payload(schedule.target, schedule.payload)
        return config.plan(schedule.target), payload
    _require_task(config, schedule.target)
    queue = schedule.queue or default_queue
    if (fault := queue_fault(queue)) is not None:
        raise InvalidSchedule(f"queue: {fault}")
    return task_plan(schedule.target, queue), schedule.payload


def _require_pipeline(config: Config, pipeline_id: str) -> None:
    if pipeline_id not in config.pipelines:
        known = ", ".join(sorted(config.pipelines)) or "none"
        remedy = Hints().of(pipeline_id, config.pipelines, f"the configuration has: {known}")
        raise InvalidSchedule(f"there is no pipeline {pipeline_id!r}, {remedy}")


def _require_task(config: Config, handler: str) -> None:
    registered = config.handlers()
    if handler not in registered:
        otherwise = "name it among the registeredTasks of a service in sermos.yaml"
        remedy = Hints().of(handler, registered, otherwise)
        raise InvalidSchedule(f"there is no registered task {handler!r}, {remedy}")
