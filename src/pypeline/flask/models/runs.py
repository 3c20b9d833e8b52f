"""Runs and their nodes."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from pypeline.flask.models.common import Given, Page
from pypeline.flask.models.values import Instant, Text
from pypeline.runs.states import NodeState, RunState


class InvokeBody(Given):
    """What a run is started with."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"chain_payload": {"day": "2026-03-24"}}]})

    chain_payload: dict[str, Any] = Field(default_factory=dict, description="The payload: its event's keys.")
    task_replacements: dict[str, int] = Field(
        default_factory=dict, description="By node: which of its handlers runs; 0 is the first."
    )


class Invoked(BaseModel):
    """A run that was accepted."""

    execution_id: str
    pipeline_id: str
    status: str = Field(examples=["pending"])


class Results(BaseModel):
    """What a run came to: `result` is that of its only final node, `results` those of all final nodes."""

    execution_id: str
    status: str = Field(description="`pending`, `success`, `failed` or `cancelled`.")
    status_message: str
    result: Any
    results: dict[str, Any]


class RunsQuery(Page):
    """Which runs are wanted: all that is given must hold."""

    pipeline: Text | None = Field(None, description="The id of their pipeline.")
    state: RunState | None = None
    trigger: Text | None = Field(None, description="What started them: `cli`, `api`, `schedule:nightly` …")
    since: Instant | None = Field(None, description="Created at this time or later.")
    until: Instant | None = Field(None, description="Created before this time.")


class RunSummary(BaseModel):
    """A run without its nodes."""

    execution_id: str
    pipeline_id: str
    state: RunState
    trigger: str
    cancel_requested: bool
    created_at: str
    started_at: str | None
    finished_at: str | None
    payload: dict[str, Any]
    counts: dict[NodeState, int] = Field(description="How many of its nodes and items are in each state.")
    error: str | None


class RunPage(BaseModel):
    """Runs, newest first; `next` is the cursor of the page behind, null on the last."""

    runs: list[RunSummary]
    next: str | None


class Node(BaseModel):
    """A node (`index` null) or an item of a `forEach` node, as it stands."""

    node: str
    index: int | None
    state: NodeState
    attempt: int
    tries: int
    why: str | None = Field(description="What a waiting node waits for.")
    queue: str
    queued_at: str | None
    started_at: str | None
    finished_at: str | None
    worker: str | None
    progress: dict[str, Any] | None
    result: Any
    result_refs: list[dict[str, Any]] | None = None
    error: dict[str, Any] | None


class Run(RunSummary):
    """A run with its first 1,000 nodes and items."""

    nodes: list[Node]
    nodes_truncated: bool | None = None


class NodesQuery(Page):
    """Which nodes of a run are wanted."""

    node: Text | None = Field(None, description="Only this node and its items.")
    state: NodeState | None = None


class NodePage(BaseModel):
    """Nodes and items in the order of the graph; `next` is the cursor of the page behind."""

    nodes: list[Node]
    next: str | None


class RetryBody(Given):
    """How a run is done again."""

    from_node: Text | None = Field(None, description="Do this node again too, and all that follows it.")
