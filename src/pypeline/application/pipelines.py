"""The JSON documents of pipelines, as the configuration defines them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pypeline.config import Config


def pipeline_summaries(config: Config, *, limit: int, after: str = "") -> list[dict[str, Any]]:
    """Pipelines by id, from the first behind ``after`` on."""
    behind = sorted(pipeline_id for pipeline_id in config.pipelines if pipeline_id > after)
    return [_summary(config, pipeline_id) for pipeline_id in behind[:limit]]


def pipeline_document(config: Config, pipeline_id: str) -> dict[str, Any]:
    """One of them, with its definition as it is written. Raises UnknownPipeline."""
    plan = config.plan(pipeline_id)
    return {**_summary(config, pipeline_id), "definition": plan.document}


def _summary(config: Config, pipeline_id: str) -> dict[str, Any]:
    model, plan = config.pipelines[pipeline_id], config.plan(pipeline_id)
    return {
        "pipeline_id": pipeline_id,
        "name": model.name,
        "description": model.description,
        "schema_version": model.schema_version,
        "definition_id": plan.definition_id,
        "nodes": len(plan.steps),
    }
