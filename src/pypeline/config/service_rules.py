"""The rules between services, the handlers that they register, and those who call them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from pypeline.config.findings import Fault
from pypeline.config.structure import handlers_of, list_at, mapping_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pypeline.config.findings import Hints, Path

RESERVED_TOOLS = frozenset({"log", "progress", "cancelled", "publish", "publish_in_batches"})
_SHOWN = 5


class _Use(NamedTuple):
    """A place that names a handler, and the queue that its messages go to."""

    path: Path
    handler: str
    queue: str


def service_faults(data: Mapping[str, Any], default_queue: str, hints: Hints) -> Iterator[Fault]:
    """What is wrong between the services and the rest of the file."""
    services = list_at(data, "serviceConfig")
    yield from _twice_named(services)
    yield from _reserved_tools(mapping_at(data, "tools"))
    registered = {
        index: set(_registered(service))
        for index, service in enumerate(services)
        if isinstance(service, dict) and isinstance(service.get("registeredTasks"), list)
    }
    if registered:
        uses = list(_uses(data, default_queue))
        yield from _unregistered(uses, set().union(*registered.values()), hints)
        yield from _split_queues(uses, registered, services)


def _twice_named(services: list[Any]) -> Iterator[Fault]:
    seen = set()
    for index, service in enumerate(services):
        name = mapping_at(service).get("name")
        if isinstance(name, str) and name in seen:
            problem = f"another service is called `{name}` too"
            yield Fault(("serviceConfig", index, "name"), problem, "give each its own name")
        if isinstance(name, str):
            seen.add(name)


def _reserved_tools(tools: Mapping[str, Any]) -> Iterator[Fault]:
    for name in tools:
        if name in RESERVED_TOOLS:
            yield Fault(("tools", name), f"`tools.{name}` is taken", "choose another name", at_key=True)


def _registered(service: Any) -> Iterator[str]:
    for task in list_at(service, "registeredTasks"):
        # A bare path is a fault of its own; what it means is clear enough not to blame its users too.
        handler = task if isinstance(task, str) else mapping_at(task).get("handler")
        if isinstance(handler, str):
            yield handler


def _uses(data: Mapping[str, Any], default_queue: str) -> Iterator[_Use]:
    for pipeline_id, pipeline in mapping_at(data, "pipelines").items():
        config = mapping_at(pipeline, "config")
        queue = mapping_at(config, "metadata").get("queue")
        for node, definition in mapping_at(config, "taskDefinitions").items():
            base = ("pipelines", pipeline_id, "config", "taskDefinitions", node)
            own = mapping_at(definition).get("queue") or queue
            for path, handler in handlers_of(definition):
                yield _Use((*base, *path), handler, str(own))
    for schedule_id, task in mapping_at(data, "scheduledTasks").items():
        config = mapping_at(task, "config")
        if isinstance(config.get("task"), str):
            path = ("scheduledTasks", schedule_id, "config", "task")
            yield _Use(path, config["task"], str(config.get("queue") or default_queue))


def _unregistered(uses: list[_Use], registered: set[str], hints: Hints) -> Iterator[Fault]:
    for use in uses:
        if use.handler not in registered:
            remedy = hints.of(use.handler, registered, "add it to the registeredTasks of a service")
            yield Fault(use.path, f"no service registers the handler `{use.handler}`", remedy)


def _split_queues(
    uses: list[_Use], registered: Mapping[int, set[str]], services: list[Any]
) -> Iterator[Fault]:
    """A queue hands its messages to any service that reads it: each of them needs all its handlers."""
    known = set().union(*registered.values())
    queues: dict[str, set[str]] = {}
    for use in uses:
        if use.handler in known:
            queues.setdefault(use.queue, set()).add(use.handler)
    for queue, handlers in queues.items():
        for index, own in registered.items():
            lacking = sorted(handlers - own)
            if lacking and own & handlers:
                name = mapping_at(services[index]).get("name", index)
                problem = f"the service `{name}` reads the queue `{queue}` but lacks {_listed(lacking)}"
                place = ("serviceConfig", index, "registeredTasks")
                yield Fault(place, problem, "register them here too, or use another queue", at_key=True)


def _listed(handlers: list[str]) -> str:
    more = f" and {len(handlers) - _SHOWN} more" if len(handlers) > _SHOWN else ""
    return ", ".join(f"`{handler}`" for handler in handlers[:_SHOWN]) + more
