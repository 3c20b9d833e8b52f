"""Small plans for tests: an adjacency, and by name what a step has that others do not."""

from __future__ import annotations

import hashlib
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from pypeline.graph import Dag
from pypeline.runs.plan import Plan, Step

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def plan_of(
    adjacency: Mapping[str, Sequence[str]],
    *,
    pipeline_id: str = "p",
    deadline: float | None = None,
    max_concurrency: int | None = None,
    **steps: Mapping[str, Any],
) -> Plan:
    """A plan whose steps have default fields but for those given; ``for_each`` names its source."""
    dag = Dag.from_adjacency(adjacency)
    made = tuple(_step(dag, name, steps.get(name, {})) for name in dag.names)
    document = {"adjacency": {node: list(following) for node, following in adjacency.items()}}
    content = repr((pipeline_id, document, made, deadline, max_concurrency))
    return Plan(
        pipeline_id=pipeline_id,
        definition_id=hashlib.sha256(content.encode()).hexdigest(),
        document=document,
        dag=dag,
        steps=made,
        deadline=deadline,
        max_concurrency=max_concurrency,
    )


def chain(length: int, **options: Any) -> Plan:
    """``n0 → n1 → …``."""
    return plan_of({f"n{i}": [f"n{i + 1}"] if i + 1 < length else [] for i in range(length)}, **options)


def fan(width: int, **options: Any) -> Plan:
    """``first → m0, m1, … → last``."""
    middle = [f"m{i}" for i in range(width)]
    return plan_of({"first": middle, **{name: ["last"] for name in middle}}, **options)


def roots(number: int, **options: Any) -> Plan:
    """``r0, r1, …`` that nothing joins."""
    return plan_of({f"r{i}": [] for i in range(number)}, **options)


def layers(depth: int, width: int, **options: Any) -> Plan:
    """Layers ``l0_0, l0_1, …``: each node follows every node of the layer above."""
    names = [[f"l{level}_{i}" for i in range(width)] for level in range(depth)]
    edges = {name: below for above, below in pairwise(names) for name in above}
    return plan_of(edges | {name: [] for name in names[-1]}, **options)


def mapping(**options: Any) -> Plan:
    """``list → each → end``, where ``each`` maps over the list; ``options`` are those of ``each``."""
    bound = options.pop("max_concurrency", None)
    each = {"for_each": "list", **options}
    return plan_of({"list": ["each"], "each": ["end"]}, max_concurrency=bound, each=each)


def _step(dag: Dag, name: str, fields: Mapping[str, Any]) -> Step:
    given = {"handlers": (f"demo.{name}",), "queue": "q", **fields}
    if "for_each" in given:
        given["for_each"] = dag.positions[given["for_each"]]
    return Step(name, **given)
