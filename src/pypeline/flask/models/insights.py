"""What pages show of all runs at once. Durations are in seconds."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from pypeline.flask.models.common import Given
from pypeline.flask.models.runs import Node
from pypeline.flask.models.values import Cursor, RowId, Text
from pypeline.runs.states import NodeState, RunState


class Overview(BaseModel):
    """Is all well, and what needs somebody."""

    now: str = Field(description="By the database's clock.")
    figures: dict[str, Any] = Field(description="What ended, runs, waits; workers and schedulers.")
    activity: list[dict[str, Any]] = Field(description="Runs that ended, by half-hours of the last 24.")
    attention: list[dict[str, Any]] = Field(description="What needs somebody, each with what to do.")


class StripsQuery(Given):
    """Which part of the pipelines is wanted."""

    limit: int = Field(100, ge=1, le=500)
    cursor: Cursor | None = Field(None, description="`next` of the page before.")


class StripRun(BaseModel):
    """A run in a strip of the last ones."""

    execution_id: str
    state: RunState
    trigger: str
    created_at: str
    started_at: str | None
    finished_at: str | None
    seconds: float | None
    definition_id: str
    definition_changed: bool = Field(description="The run before it had another definition.")
    error: str | None


class Strip(BaseModel):
    """A pipeline with its last 30 runs, newest first."""

    pipeline_id: str
    configured: bool
    description: str | None
    runs: list[StripRun]
    counts: dict[RunState, int]
    success_share: float | None
    usual_seconds: float | None = Field(description="The median of those that succeeded.")
    next_at: str | None = Field(description="When a schedule starts it next.")


class StripPage(BaseModel):
    """Pipelines by id; `next` is the cursor of the page behind, null on the last."""

    pipelines: list[Strip]
    next: str | None


class GridQuery(Given):
    """How many runs are wanted."""

    runs: int = Field(30, ge=1, le=30)


class GridNode(BaseModel):
    """A node in each of the runs of a grid; a cell is null where the run has no such node."""

    node: str
    failed: int
    retried: int
    usual_seconds: float | None
    cells: list[dict[str, Any] | None]


class Grid(Strip):
    """A pipeline's last runs, and each of its nodes in them."""

    nodes: list[GridNode]
    nodes_truncated: bool = Field(description="It has more nodes than are shown.")


class Queue(BaseModel):
    """A queue: what waits in it, and how much the workers that read it can do at once."""

    name: str
    waiting: int
    oldest_seconds: float | None
    slots: int
    workers: list[str]
    claimed_seconds_ago: float | None


class Queues(BaseModel):
    """The queues of the broker."""

    queues: list[Queue]


class Worker(BaseModel):
    """A worker as its last sign told."""

    worker: str
    app: str
    service: str | None
    queues: list[str]
    pool: str
    concurrency: int
    version: str
    started_at: str
    seen_at: str
    silent_seconds: float
    clock_ahead_seconds: float
    busy: int
    alive: bool


class Workers(BaseModel):
    """The workers that were seen within a day."""

    workers: list[Worker]


class NodeQuery(Given):
    """Which item of a node is wanted."""

    index: RowId | None = Field(None, description="An item of a `forEach` node; else the node itself.")


class Attempt(BaseModel):
    """An attempt that failed or was lost."""

    attempt: int
    outcome: str
    worker: str | None
    started_at: str | None
    finished_at: str
    seconds: float | None
    error: dict[str, Any] | None


class NodeDetails(Node):
    """A node with its definition, its attempts and what they logged."""

    execution_id: str
    pipeline_id: str
    definition_id: str
    handler: str
    max_ttl: float | None
    max_retry: int | None
    trigger_rule: str
    for_each: str | None
    predecessors: list[str]
    items: dict[NodeState, int] | None
    attempts: list[Attempt]
    logs: list[dict[str, Any]]


class HappenedQuery(Given):
    """Which part of the attempts is wanted."""

    limit: int = Field(100, ge=1, le=500)
    cursor: Cursor | None = Field(None, description="`next` of the page before.")


class NodeAttempt(Attempt):
    """An attempt in the history of a run."""

    node: str
    index: int | None


class Happened(BaseModel):
    """The attempts of a run that failed or were lost, newest first; `next` is the cursor of what follows."""

    execution_id: str
    happened: list[NodeAttempt]
    next: str | None


class FailuresQuery(Given):
    """Which failures are wanted."""

    pipeline: Text | None = None
    seconds: float = Field(604_800, gt=0, le=2_592_000, description="Of runs that were created so long ago.")


class FailureGroup(BaseModel):
    """Failures that are alike: the same node, type, place and shape of the message."""

    signature: str
    pipeline_id: str
    node: str
    type: str
    message: str = Field(description="Numbers and quoted names are replaced.")
    place: str | None = Field(description="Where the handler's own code raised it.")
    count: int
    runs: int
    first_at: str
    last_at: str
    samples: list[dict[str, Any]] = Field(description="The newest ones, at most 10.")
    slots: list[int] = Field(description="How many in each of 28 equal parts of the window, oldest first.")


class Failures(BaseModel):
    """What failed and was not done again since, most recent group first."""

    now: str
    window_seconds: float
    failures: int
    truncated: bool
    groups: list[FailureGroup]
