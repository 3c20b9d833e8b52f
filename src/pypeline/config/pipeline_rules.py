"""The rules across the keys of one pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pypeline.config.findings import Fault
from pypeline.config.structure import mapping_at, texts
from pypeline.config.variables import typed
from pypeline.graph.cycles import find_cycles

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pypeline.config.findings import Hints, Path

_SHOWN = 10
_WITH_SETTINGS = 2
_NEED_FOR_EACH = ("batchSize", "maxConcurrency")
_RUNS = ("handler", "handlers", "generator")


def pipeline_faults(path: Path, pipeline: Any, hints: Hints) -> Iterator[Fault]:
    """What is wrong with a pipeline beyond its single values."""
    config = mapping_at(pipeline, "config")
    path = (*path, "config")
    graph, definitions = config.get("dagAdjacency"), config.get("taskDefinitions")
    if isinstance(graph, dict):
        yield from _graph_faults((*path, "dagAdjacency"), graph)
    if isinstance(graph, dict) and isinstance(definitions, dict):
        yield from _undefined_nodes((*path, "dagAdjacency"), graph, definitions, hints)
        yield from _unused_definitions((*path, "taskDefinitions"), graph, definitions)
    if isinstance(definitions, dict):
        yield from _definition_faults((*path, "taskDefinitions"), definitions, _predecessors(graph), hints)
    yield from _version_faults(path, config, typed(mapping_at(pipeline).get("schemaVersion", 1)))


def _graph_faults(path: Path, graph: Mapping[str, Any]) -> Iterator[Fault]:
    if not graph:
        yield Fault(path, "has no nodes", "name at least one node")
    adjacency = {node: [child for _, child in texts(following)] for node, following in graph.items()}
    for cycle in find_cycles(adjacency):
        edge = (*path, cycle[-2], graph[cycle[-2]].index(cycle[-1]))
        yield Fault(edge, f"the nodes form a cycle: {' -> '.join(cycle)}", "remove one of these edges")


def _undefined_nodes(
    path: Path, graph: Mapping[str, Any], definitions: Mapping[str, Any], hints: Hints
) -> Iterator[Fault]:
    seen = set(definitions)
    for node, following in graph.items():
        places = [((*path, node), node), *(((*path, node, index), name) for index, name in texts(following))]
        for place, name in places:
            if name not in seen:
                seen.add(name)
                remedy = hints.of(name, definitions, "add it under taskDefinitions")
                yield Fault(place, f"the node `{name}` has no definition", remedy, at_key=name == node)


def _unused_definitions(
    path: Path, graph: Mapping[str, Any], definitions: Mapping[str, Any]
) -> Iterator[Fault]:
    nodes = {*graph, *(name for following in graph.values() for _, name in texts(following))}
    for name in definitions:
        if name not in nodes:
            remedy = "add it to dagAdjacency or remove its definition"
            yield Fault((*path, name), f"`{name}` is no node of the graph", remedy, at_key=True)


def _predecessors(graph: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for node, following in mapping_at(graph).items():
        for _, child in texts(following):
            found.setdefault(child, []).append(node)
    return found


def _definition_faults(
    path: Path, definitions: Mapping[str, Any], predecessors: Mapping[str, list[str]], hints: Hints
) -> Iterator[Fault]:
    for node, definition in definitions.items():
        if isinstance(definition, dict):
            place = (*path, node)
            yield from _work_faults(place, definition)
            yield from _for_each_faults(place, definition, predecessors.get(node, []), hints)


def _work_faults(path: Path, definition: Mapping[str, Any]) -> Iterator[Fault]:
    """A node runs one of three things."""
    given = [key for key in _RUNS if definition.get(key) is not None]
    if not given:
        remedy = "name the function that the node runs, or the files that its `generator` lists"
        yield Fault((*path, "handler"), "is missing", remedy)
    for extra in given[1:]:
        yield Fault((*path, extra), f"stands beside `{given[0]}`", "keep one of the two", at_key=True)
    if given == ["generator"] and definition.get("forEach") is not None:
        problem = "stands beside `generator`, which would list the same files for each"
        yield Fault((*path, "forEach"), problem, "remove it", at_key=True)


def _for_each_faults(
    path: Path, definition: Mapping[str, Any], predecessors: list[str], hints: Hints
) -> Iterator[Fault]:
    source = definition.get("forEach")
    if source is None:
        for key in _NEED_FOR_EACH:
            if definition.get(key) is not None:
                yield Fault((*path, key), "means nothing without `forEach`", "add forEach or remove it")
    elif isinstance(source, str) and source not in predecessors:
        shown = ", ".join(predecessors[:_SHOWN])
        otherwise = f"name one of them: {shown}" if predecessors else "add that edge to dagAdjacency"
        remedy = hints.of(source, predecessors, otherwise)
        yield Fault((*path, "forEach"), f"`{source}` is no direct predecessor of the node", remedy)


def _version_faults(path: Path, config: Mapping[str, Any], version: Any) -> Iterator[Fault]:
    if version == _WITH_SETTINGS:
        return
    remedy = "set `schemaVersion: 2` or remove it"
    if config.get("settings") is not None:
        yield Fault((*path, "settings"), "needs schemaVersion 2", remedy, at_key=True)
    for node, definition in mapping_at(config, "taskDefinitions").items():
        given = mapping_at(definition)
        if given.get("handlers") is not None and given.get("handler") is None:
            place = (*path, "taskDefinitions", node, "handlers")
            yield Fault(place, "needs schemaVersion 2", remedy, at_key=True)
