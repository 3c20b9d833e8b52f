"""Single tasks that are handed to workers."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from pypeline.config.task_plan import task_plan
from pypeline.flask.answers import accepted
from pypeline.flask.models.tasks import PublishBody, Published
from pypeline.flask.operations import Operations

if TYPE_CHECKING:
    from pypeline.flask.answers import Answer
    from pypeline.flask.installation import Installation

tasks = Operations("tasks")


@tasks.change(
    "POST",
    "/tasks/publish",
    action="task.publish",
    target="task",
    body=PublishBody,
    answers={HTTPStatus.ACCEPTED: Published},
    location="the run",
)
def publish_task(here: Installation, body: PublishBody) -> Answer:
    """Hand one registered task to a worker, as a run of one node."""

    def before(task_path: str, queue: str) -> None:
        here.link.staff(task_plan(task_path, queue, body.max_ttl))

    publishing = here.application.publishing(before)
    run_id = publishing.publish(body.task, body.payload, body.queue, body.max_ttl)
    return accepted(run_id)
