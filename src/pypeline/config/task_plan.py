"""A registered task as a pipeline of one node: what a schedule of a task, or a publish, starts."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from pypeline.config.models import PipelineModel
from pypeline.config.plans import compile_plan

if TYPE_CHECKING:
    from pypeline.runs.plan import Plan
    from pypeline.types import JsonObject

_PLANS_KEPT = 1024
_NOT_IN_NODE_NAMES = re.compile(r"[^A-Za-z0-9_.-]")


@lru_cache(_PLANS_KEPT)
def task_plan(handler: str, queue: str, max_ttl: float | None = None) -> Plan:
    """
    The plan of a run of one handler on one queue, with the defaults of a pipeline and this ``maxTtl``.

    Its pipeline id is the handler's dotted path, its node is named for the function. The document is that
    of a pipeline, so that `plan_from_document` makes the same plan of it.
    """
    document = _document(handler, queue, max_ttl)
    return compile_plan(handler, document, PipelineModel.model_validate(document))


def _document(handler: str, queue: str, max_ttl: float | None) -> JsonObject:
    # Python's names may have letters that those of nodes have not.
    node = _NOT_IN_NODE_NAMES.sub("_", handler.rpartition(".")[2])
    return {
        "name": handler,
        "schemaVersion": 1,
        "config": {
            "metadata": {"queue": queue, **({} if max_ttl is None else {"maxTtl": max_ttl})},
            "dagAdjacency": {node: []},
            "taskDefinitions": {node: {"handler": handler}},
        },
    }
