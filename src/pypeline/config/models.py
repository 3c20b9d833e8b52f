"""The models of ``sermos.yaml``: the file, its services, pipelines and nodes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pypeline.config.fields import (
    Boolean,
    Count,
    Dotted,
    Model,
    NodeName,
    NullIsEmpty,
    NullIsEmptyList,
    Object,
    OptionalCount,
    Retries,
    Seconds,
    ServiceName,
    SomeSeconds,
    Text,
    ToolName,
    Typed,
)
from pypeline.config.generator_models import Files  # noqa: TC001 - pydantic reads it
from pypeline.config.payload_models import PayloadSettings  # noqa: TC001 - pydantic reads it
from pypeline.config.schedule_models import ScheduledTask  # noqa: TC001 - pydantic reads it
from pypeline.runs.rules import TriggerRule


class RegisteredTask(Model):
    """A handler that a worker may run."""

    handler: Annotated[Dotted, Field(description="Dotted path of a Python function.")]
    event: Annotated[
        Object, Field(default_factory=dict, description="Defaults, merged under the event of each call.")
    ]


class Service(Model):
    """A worker; it is started as WORKER_NAME=<name>."""

    name: Annotated[ServiceName, Field(description="Name of the worker, for WORKER_NAME.")]
    registered_tasks: Annotated[
        list[RegisteredTask] | None, Field(description="The handlers that this worker may run.")
    ] = None


class _Attempts(Model):
    """The rules of attempts, of a pipeline and of a node."""

    max_retry: Annotated[
        Retries, Field(description="Attempts after the first failed one; 0 never, null for ever.")
    ] = 3
    retry_backoff: Annotated[Seconds, Field(description="Seconds, doubled with each further attempt.")] = 3.0
    retry_backoff_max: Annotated[Seconds, Field(description="The longest delay in seconds.")] = 600.0
    retry_jitter: Annotated[
        Boolean, Field(description="Delay at random between zero and the computed delay.")
    ] = False
    max_ttl: Annotated[
        SomeSeconds,
        Field(description="Soft limit of one attempt in seconds; the hard limit is 10 seconds later."),
    ] = None


class Metadata(_Attempts):
    """Rules for a run and for all its nodes."""

    queue: Annotated[Text, Field(description="Queue of the nodes that name none.")]
    deadline: Annotated[
        SomeSeconds, Field(description="Seconds from the creation of a run; then it fails.")
    ] = None
    max_concurrency: Annotated[
        OptionalCount, Field(description="Nodes of one run that are queued or running at once.")
    ] = None


class TaskDefinition(_Attempts):
    """What a node runs, and how. What it leaves out is as the pipeline's metadata says."""

    handler: Annotated[Dotted | None, Field(description="Dotted path of the function.")] = None
    handlers: Annotated[
        list[Dotted] | None,
        Field(min_length=1, description="Version 2: the functions of which a run takes one, else the first."),
    ] = None
    generator: Annotated[
        Files | None,
        Field(discriminator="type", description="Lists files without a function."),
    ] = None
    queue: Annotated[Text | None, Field(description="Its queue, if not the pipeline's.")] = None
    trigger_rule: Annotated[
        TriggerRule, Field(description="When it runs, once all its predecessors have ended.")
    ] = TriggerRule.ALL_SUCCESS
    for_each: Annotated[
        NodeName | None, Field(description="Run once per element of the list of this direct predecessor.")
    ] = None
    batch_size: Annotated[Count, Field(description="Elements per call of a forEach node.")] = 1
    max_concurrency: Annotated[
        OptionalCount, Field(description="Items of a forEach node that are queued or running at once.")
    ] = None

    @property
    def all_handlers(self) -> tuple[str, ...]:
        """The functions of which a run takes one."""
        return tuple(self.handlers or ()) or ((self.handler,) if self.handler else ())


class PipelineConfig(Model):
    """The graph of a pipeline and its rules."""

    metadata: Metadata
    dag_adjacency: Annotated[
        dict[NodeName, Annotated[list[NodeName], NullIsEmptyList]],
        Field(description="Node -> the nodes that follow it; a final node may be left out."),
    ]
    task_definitions: Annotated[dict[NodeName, TaskDefinition], Field(description="Node -> what it runs.")]
    settings: Annotated[
        PayloadSettings | None, Field(description="Version 2: describes and validates the payload.")
    ] = None


class PipelineModel(Model):
    """A pipeline: plain functions, and the order in which they run."""

    name: Annotated[Text | None, Field(description="What people call it.")] = None
    description: Annotated[str | None, Field(description="What it is for.")] = None
    schema_version: Annotated[
        Literal[1, 2],
        Typed,
        Field(description="1: one handler per node. 2: a list of handlers, and settings."),
    ] = 1
    config: PipelineConfig


class SermosFile(Model):
    """The file as a whole."""

    service_config: Annotated[
        list[Service],
        NullIsEmptyList,
        Field(default_factory=list, description="The workers, and the handlers that they run."),
    ]
    tools: Annotated[
        dict[ToolName, Dotted],
        NullIsEmpty,
        Field(
            default_factory=dict,
            description="Name -> dotted path of a factory, called once per worker process.",
        ),
    ]
    pipelines: Annotated[
        dict[Text, PipelineModel], NullIsEmpty, Field(default_factory=dict, description="Id -> pipeline.")
    ]
    scheduled_tasks: Annotated[
        dict[Text, ScheduledTask], NullIsEmpty, Field(default_factory=dict, description="Id -> schedule.")
    ]
