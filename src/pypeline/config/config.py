"""The configuration: a valid ``sermos.yaml``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pypeline.config.check import handler_faults
from pypeline.config.examination import examine
from pypeline.config.payload import validate_payload
from pypeline.config.places import folder_of
from pypeline.config.plans import compile_plan
from pypeline.config.settings import read_environment
from pypeline.config.source import Source, read_source
from pypeline.errors import ConfigurationNotFound, InvalidConfiguration, InvalidSetting, UnknownPipeline
from pypeline.runs.listing import LIST_FILES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pypeline.config.examination import Examined
    from pypeline.config.findings import Fault, Finding
    from pypeline.config.models import PipelineModel, SermosFile, Service
    from pypeline.config.schedule_models import ScheduledTask
    from pypeline.runs.plan import Plan
    from pypeline.types import JsonObject


@dataclass(frozen=True)
class Config:
    """
    What the file says, checked. ``warnings`` tell what it says in vain.

    ``folder`` is to be importable while its handlers are used.
    """

    path: Path
    folder: Path
    model: SermosFile = field(repr=False)
    source: Source = field(repr=False)
    warnings: tuple[Finding, ...] = ()
    _plans: dict[str, Plan] = field(default_factory=dict, repr=False)

    @property
    def pipelines(self) -> Mapping[str, PipelineModel]:
        """The pipelines by id."""
        return self.model.pipelines

    @property
    def services(self) -> tuple[Service, ...]:
        """The workers, in the order of the file."""
        return tuple(self.model.service_config)

    @property
    def scheduled_tasks(self) -> Mapping[str, ScheduledTask]:
        """The schedules by id."""
        return self.model.scheduled_tasks

    @property
    def tools(self) -> Mapping[str, str]:
        """Name → dotted path of the factory of each tool."""
        return self.model.tools

    def plan(self, pipeline_id: str) -> Plan:
        """What a run of this pipeline executes. Raises UnknownPipeline."""
        if pipeline_id not in self._plans:
            model = self._pipeline(pipeline_id)
            written: Any = self.source.data
            document = written["pipelines"][pipeline_id]
            self._plans[pipeline_id] = compile_plan(pipeline_id, document, model)
        return self._plans[pipeline_id]

    def checked_payload(self, pipeline_id: str, payload: Any) -> JsonObject:
        """The payload as a run of this pipeline takes it. Raises UnknownPipeline, InvalidPayload."""
        return validate_payload(self._pipeline(pipeline_id), payload)

    def handlers(self, service: str | None = None) -> dict[str, JsonObject]:
        """
        The registered handlers with their event defaults: those of one service, or all.

        Where no service registers any, they are those that the pipelines and schedules name.
        Raises InvalidSetting if there is no such service.
        """
        chosen = [one for one in self.services if service in (None, one.name)]
        if service is not None and not chosen:
            names = ", ".join(one.name for one in self.services) or "none"
            raise InvalidSetting("WORKER_NAME", f"there is no service {service!r}; the file has: {names}")
        if all(one.registered_tasks is None for one in self.services):
            return {handler: {} for handler in self._named_handlers()}
        found: dict[str, JsonObject] = {}
        for task in (task for one in chosen for task in one.registered_tasks or ()):
            found[task.handler] = {**found.get(task.handler, {}), **task.event}
        return found

    def sent_to(self, default_queue: str) -> Mapping[str, frozenset[str]]:
        """
        Each queue that something is sent to, with the handlers that are; a task may name no queue.

        What every worker has is not among them.
        """
        found: dict[str, set[str]] = {}
        for pipeline_id in self.pipelines:
            for step in self.plan(pipeline_id).steps:
                found.setdefault(step.queue, set()).update(set(step.handlers) - {LIST_FILES})
        for task in self.scheduled_tasks.values():
            if task.config.task is not None:
                found.setdefault(task.config.queue or default_queue, set()).add(task.config.task)
        return {queue: frozenset(handlers) for queue, handlers in found.items()}

    def queues(self, service: str | None, default_queue: str) -> tuple[str, ...]:
        """
        The queues that a worker of one service, or of all (None), has to read.

        That are those that its handlers are sent to, those that need none of anybody's, and the default queue
        unless it lacks a handler that is sent there. Raises InvalidSetting if there is no such service.
        """
        handlers = self.handlers(service).keys()
        sent = self.sent_to(default_queue)
        found = {queue for queue, there in sent.items() if not there or not handlers.isdisjoint(there)}
        if sent.get(default_queue, frozenset()) <= handlers:
            found.add(default_queue)
        return tuple(sorted(found))

    def _pipeline(self, pipeline_id: str) -> PipelineModel:
        if pipeline_id not in self.pipelines:
            raise UnknownPipeline(pipeline_id, self.pipelines)
        return self.pipelines[pipeline_id]

    def _named_handlers(self) -> Iterable[str]:
        for pipeline in self.pipelines.values():
            for definition in pipeline.config.task_definitions.values():
                yield from definition.all_handlers
        for task in self.scheduled_tasks.values():
            if task.config.task is not None:
                yield task.config.task


def load_config(
    path: str | Path, *, env: Mapping[str, str] | None = None, import_handlers: bool = False
) -> Config:
    """
    The configuration in a file; ``env`` (default: this process's, with ``.env``) fills in its variables.

    Handlers are imported and checked only where ``import_handlers`` asks for it. Raises InvalidConfiguration
    with every fault, and ConfigurationNotFound.
    """
    path = Path(path)
    environment = read_environment() if env is None else env
    source = _read(path)
    if source.broken:
        raise InvalidConfiguration(sorted(source.faults))
    examined = examine(source.data, environment)
    faults = [*examined.faults, *(_import_faults(path, environment, examined) if import_handlers else ())]
    findings = sorted({*source.faults, *_placed(source, faults)})
    if findings or examined.model is None:
        raise InvalidConfiguration(findings)
    warnings = tuple(_placed(source, examined.warnings))
    return Config(path, folder_of(path, environment), examined.model, source, warnings)


def _import_faults(path: Path, env: Mapping[str, str], examined: Examined) -> list[Fault]:
    """What the handlers add, but at places that have a fault already."""
    unsound = {fault.path for fault in examined.faults}
    found = handler_faults(examined.data, folder_of(path, env))
    return [fault for fault in found if fault.path not in unsound]


def _read(path: Path) -> Source:
    try:
        return read_source(str(path), path.read_bytes())
    except OSError as error:
        raise ConfigurationNotFound([f"{path} ({error.strerror})"]) from error


def _placed(source: Source, faults: Iterable[Fault]) -> list[Finding]:
    return [source.finding(fault) for fault in faults]
