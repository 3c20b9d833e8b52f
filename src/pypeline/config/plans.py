"""From a pipeline's definition to the plan that the engine runs."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from pypeline.config.examination import examine
from pypeline.config.findings import Finding, show_path
from pypeline.config.settings import read_environment
from pypeline.config.structure import mapping_at
from pypeline.errors import InvalidConfiguration
from pypeline.graph import Dag
from pypeline.runs.listing import LIST_FILES
from pypeline.runs.plan import DEFAULT_WINDOW, Plan, Step
from pypeline.runs.retries import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pypeline.config.models import Metadata, PipelineModel, TaskDefinition
    from pypeline.types import JsonObject


def plan_from_document(
    pipeline_id: str, document: JsonObject, *, env: Mapping[str, str] | None = None
) -> Plan:
    """
    The plan of a stored definition, its variables filled in from the environment of now.

    Raises InvalidConfiguration where this version, or this environment, cannot use it.
    """
    return compile_plan(pipeline_id, document, pipeline_from_document(pipeline_id, document, env=env))


def pipeline_from_document(
    pipeline_id: str, document: JsonObject, *, env: Mapping[str, str] | None = None
) -> PipelineModel:
    """The model of a stored definition. Raises InvalidConfiguration."""
    environment = read_environment() if env is None else env
    examined = examine({"pipelines": {pipeline_id: document}}, environment)
    if examined.model is None:
        file = f"definition of {pipeline_id}"
        raise InvalidConfiguration(
            [Finding(file, 1, 1, show_path(one.path), one.problem, one.remedy) for one in examined.faults]
        )
    return examined.model.pipelines[pipeline_id]


def compile_plan(pipeline_id: str, document: JsonObject, model: PipelineModel) -> Plan:
    """The plan of a valid pipeline. ``document`` is the definition as written, which it keeps."""
    config = model.config
    names = {**config.dag_adjacency, **{name: [] for name in _final_nodes(model)}}
    dag = Dag.from_adjacency(names)
    metadata = config.metadata
    return Plan(
        pipeline_id=pipeline_id,
        definition_id=definition_id(pipeline_id, document),
        document=document,
        dag=dag,
        steps=tuple(_step(name, config.task_definitions[name], metadata, dag) for name in dag.names),
        deadline=metadata.deadline,
        max_concurrency=metadata.max_concurrency,
    )


def definition_id(pipeline_id: str, document: JsonObject) -> str:
    """The hash of a definition: the same for the same pipeline, whatever the order of its options."""
    graph = mapping_at(document, "config", "dagAdjacency")
    # The order of nodes decides their positions, so it is part of what is hashed.
    text = json.dumps([pipeline_id, document, list(graph)], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _final_nodes(model: PipelineModel) -> list[str]:
    graph = model.config.dag_adjacency
    return [name for following in graph.values() for name in following if name not in graph]


def _step(name: str, definition: TaskDefinition, metadata: Metadata, dag: Dag) -> Step:
    source, files = definition.for_each, definition.generator
    own = definition if "max_ttl" in definition.model_fields_set else metadata
    return Step(
        name=name,
        handlers=definition.all_handlers if files is None else (LIST_FILES,),
        queue=definition.queue or metadata.queue,
        retry=_retry(definition, metadata),
        max_ttl=own.max_ttl,
        rule=definition.trigger_rule,
        for_each=None if source is None else dag.positions[source],
        batch_size=definition.batch_size,
        window=definition.max_concurrency or DEFAULT_WINDOW,
        listing=None if files is None else files.listing(),
    )


def _retry(definition: TaskDefinition, metadata: Metadata) -> RetryPolicy:
    def own(name: str) -> Metadata | TaskDefinition:
        return definition if name in definition.model_fields_set else metadata

    return RetryPolicy(
        max_retry=own("max_retry").max_retry,
        backoff=own("retry_backoff").retry_backoff,
        backoff_max=own("retry_backoff_max").retry_backoff_max,
        jitter=own("retry_jitter").retry_jitter,
    )
