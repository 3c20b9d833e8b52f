"""What several subjects share."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from pypeline.flask.models.values import Cursor


class Given(BaseModel):
    """What callers send: a name that is not known is a fault."""

    model_config = ConfigDict(extra="forbid")


class Page(Given):
    """Which part of a list is wanted."""

    limit: int = Field(50, ge=1, le=500, description="How many at most.")
    cursor: Cursor | None = Field(None, description="`next` of the page before.")


class Fault(BaseModel):
    """One thing that is wrong with a request."""

    at: str = Field(description="The member, with dots between its levels.")
    detail: str


class ProblemDocument(BaseModel):
    """An error, as RFC 9457 has it."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[dict[str, Any]] | None = None
