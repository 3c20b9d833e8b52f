"""The audit."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from pypeline.flask.models.common import Page
from pypeline.flask.models.values import Text


class AuditQuery(Page):
    """Which entries are wanted: all that is given must hold."""

    actor: Text | None = Field(None, description="The name of a key.")
    action: Text | None = Field(None, examples=["run.cancel"])
    target: Text | None = Field(None, description="The id of what was changed.")


class AuditEntry(BaseModel):
    """A change, noted before it was made; `status` is the HTTP status of its answer, null if it had none."""

    id: int
    execution_id: str | None = Field(description="The run that was started by it.")
    at: str
    actor: str
    role: str
    action: str
    source: str = Field(description="The address that asked.")
    target: str | None
    detail: dict[str, Any] | None
    status: int | None


class AuditPage(BaseModel):
    """Entries, newest first; `next` is the cursor of the page behind, null on the last."""

    entries: list[AuditEntry]
    next: str | None
