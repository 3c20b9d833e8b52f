"""The checks that import the user's code: only `pypeline validate` asks for them."""

from __future__ import annotations

import importlib
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from pypeline.config.factories import import_factory
from pypeline.config.findings import Fault
from pypeline.config.handlers import HandlerProblem, HandlerSignature, import_handler, read_signature
from pypeline.config.structure import handlers_of, list_at, mapping_at, texts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path as FilePath

    from pypeline.config.findings import Path


def handler_faults(data: Any, folder: FilePath) -> list[Fault]:
    """
    What is wrong with the handlers and tools of a file: imports, signatures, names of predecessors.

    ``data`` has its variables filled in, and may be broken anywhere else.
    """
    signatures: dict[str, HandlerSignature | None] = {}
    faults = []
    with importable(folder):
        for path, handler in _named(data):
            if handler not in signatures:
                try:
                    signatures[handler] = read_signature(import_handler(handler, folder))
                except HandlerProblem as problem:
                    said = f"the handler `{handler}` cannot be used: {problem.problem}"
                    faults.append(Fault(path, said, "correct it or the path"))
                    signatures[handler] = None
        faults.extend(_tool_faults(data, folder))
    for pipeline_id, pipeline in mapping_at(data, "pipelines").items():
        faults.extend(_injection_faults(pipeline_id, pipeline, signatures))
    return faults


@contextmanager
def importable(folder: FilePath) -> Iterator[None]:
    """Let modules of this folder be imported for a while, before all others."""
    entry = str(folder)
    sys.path.insert(0, entry)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        with suppress(ValueError):  # a module may have taken it away
            sys.path.remove(entry)


def _named(data: Any) -> Iterator[tuple[Path, str]]:
    """Every handler with the place to blame: where it is registered, else where it is used."""
    for index, service in enumerate(list_at(data, "serviceConfig")):
        for number, task in enumerate(list_at(service, "registeredTasks")):
            registered: Path = ("serviceConfig", index, "registeredTasks", number, "handler")
            yield from _text_at(registered, mapping_at(task).get("handler"))
    for pipeline_id, pipeline in mapping_at(data, "pipelines").items():
        for path, _, handler in _uses(pipeline_id, pipeline):
            yield path, handler
    for schedule_id, schedule in mapping_at(data, "scheduledTasks").items():
        scheduled: Path = ("scheduledTasks", schedule_id, "config", "task")
        yield from _text_at(scheduled, mapping_at(schedule, "config").get("task"))


def _text_at(path: Path, value: Any) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value


def _uses(pipeline_id: str, pipeline: Any) -> Iterator[tuple[Path, str, str]]:
    """Path, node and handler."""
    for node, definition in mapping_at(pipeline, "config", "taskDefinitions").items():
        for within, handler in handlers_of(definition):
            yield ("pipelines", pipeline_id, "config", "taskDefinitions", node, *within), node, handler


def _tool_faults(data: Any, folder: FilePath) -> Iterator[Fault]:
    for name, factory in mapping_at(data, "tools").items():
        if not isinstance(factory, str):
            continue
        try:
            import_factory(factory, folder)
        except HandlerProblem as problem:
            said = f"the factory `{factory}` cannot be used: {problem.problem}"
            yield Fault(("tools", name), said, "correct it or the path")


def _injection_faults(
    pipeline_id: str, pipeline: Any, signatures: Mapping[str, HandlerSignature | None]
) -> Iterator[Fault]:
    predecessors: dict[str, set[str]] = {}
    for node, following in mapping_at(pipeline, "config", "dagAdjacency").items():
        for _, child in texts(following):
            predecessors.setdefault(child, set()).add(node)
    for path, node, handler in _uses(pipeline_id, pipeline):
        signature = signatures[handler]
        known = predecessors.get(node, set())
        unknown = [name for name in signature.injected if name not in known] if signature else []
        if unknown:
            names = ", ".join(f"`{name}`" for name in unknown)
            shown = ", ".join(sorted(known)) or "none"
            said = f"the handler `{handler}` asks for {names}, but the predecessors of `{node}` are: {shown}"
            yield Fault(path, said, "rename the parameter or give it a default")
