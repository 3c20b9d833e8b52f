"""Pipelines, as the configuration defines them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field


class PipelineSummary(BaseModel):
    """A pipeline in a list."""

    pipeline_id: str
    name: str | None
    description: str | None
    schema_version: int
    definition_id: str = Field(description="The hash of the definition.")
    nodes: int


class PipelinePage(BaseModel):
    """Pipelines of the configuration, by id; `next` is the cursor of the page behind, null on the last."""

    pipelines: list[PipelineSummary]
    next: str | None


class Pipeline(PipelineSummary):
    """A pipeline with its graph, and what describes its payload."""

    definition: dict[str, Any] = Field(description="As it is written; variables are not filled in.")
