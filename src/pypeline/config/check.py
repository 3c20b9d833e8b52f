"""The checks that import the user's code: only `pypeline validate` and workers ask for them."""

from __future__ import annotations

import importlib
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from pypeline.config.findings import Fault
from pypeline.config.handlers import HandlerProblem, HandlerSignature, import_handler, read_signature

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path as FilePath

    from pypeline.config.config import Config
    from pypeline.config.findings import Finding, Path
    from pypeline.config.models import PipelineModel


def check_handlers(config: Config) -> list[Finding]:
    """What is wrong with the registered handlers and tools: imports, signatures, names of predecessors."""
    with importable(config.folder):
        signatures: dict[str, HandlerSignature | None] = {}
        faults: list[Fault] = []
        for path, handler in _named(config):
            if handler not in signatures:
                try:
                    signatures[handler] = read_signature(import_handler(handler))
                except HandlerProblem as problem:
                    said = f"the handler `{handler}` cannot be used: {problem.problem}"
                    faults.append(Fault(path, said, "correct it or the path"))
                    signatures[handler] = None
        faults.extend(_tool_faults(config))
    for pipeline_id, pipeline in config.pipelines.items():
        faults.extend(_injection_faults(pipeline_id, pipeline, signatures))
    return sorted(config.source.finding(fault) for fault in faults)


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


def _named(config: Config) -> Iterator[tuple[Path, str]]:
    """Every handler with the place to blame: where it is registered, else where it is used."""
    for index, service in enumerate(config.services):
        for number, task in enumerate(service.registered_tasks or ()):
            yield ("serviceConfig", index, "registeredTasks", number, "handler"), task.handler
    for pipeline_id, pipeline in config.pipelines.items():
        for path, _, handler in _uses(pipeline_id, pipeline):
            yield path, handler
    for schedule_id, schedule in config.scheduled_tasks.items():
        if schedule.config.task is not None:
            yield ("scheduledTasks", schedule_id, "config", "task"), schedule.config.task


def _uses(pipeline_id: str, pipeline: PipelineModel) -> Iterator[tuple[Path, str, str]]:
    """Path, node and handler."""
    for node, definition in pipeline.config.task_definitions.items():
        base = ("pipelines", pipeline_id, "config", "taskDefinitions", node)
        for index, handler in enumerate(definition.all_handlers):
            path = (*base, "handlers", index) if definition.handlers else (*base, "handler")
            yield path, node, handler


def _tool_faults(config: Config) -> Iterator[Fault]:
    for name, factory in config.tools.items():
        try:
            import_handler(factory)
        except HandlerProblem as problem:
            said = f"the factory `{factory}` cannot be used: {problem.problem}"
            yield Fault(("tools", name), said, "correct it or the path")


def _injection_faults(
    pipeline_id: str, pipeline: PipelineModel, signatures: dict[str, HandlerSignature | None]
) -> Iterator[Fault]:
    predecessors: dict[str, set[str]] = {}
    for node, following in pipeline.config.dag_adjacency.items():
        for child in following:
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
