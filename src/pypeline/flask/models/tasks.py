"""Single tasks that are handed to workers."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from pypeline.flask.models.common import Given
from pypeline.flask.models.values import Text


class PublishBody(Given):
    """One task: it becomes a run of one node."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"task": "demo.tasks.refresh", "payload": {"day": "yesterday"}}]}
    )

    task: Text = Field(description="The dotted path of a registered handler.")
    payload: dict[str, Any] = Field(default_factory=dict)
    queue: Text | None = Field(None, description="Its queue; the default queue if none is named.")
    max_ttl: float | None = Field(None, description="Its time limit in seconds; none if null.")


class Published(BaseModel):
    """A task that was accepted: the id of its run."""

    execution_id: str
