"""The models applied to plain data: every error as a fault, keys of older files set aside."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

from pydantic import ValidationError

from pypeline.config.fields import Model
from pypeline.config.findings import Fault
from pypeline.config.models import SermosFile
from pypeline.config.structure import mapping_at
from pypeline.config.wording import words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pypeline.config.findings import Hints, Path

ANCESTRAL = frozenset(
    {
        # the file
        "apiConfig",
        "environmentVariables",
        "imageConfig",
        # services
        "command",
        "cpuLimit",
        "cpuRequest",
        "customDns",
        "ephemeralStorageLimit",
        "ephemeralStorageRequest",
        "healthCheckFailureThreshold",
        "healthCheckInitialDelaySeconds",
        "healthCheckPath",
        "healthCheckPeriodSeconds",
        "healthCheckPort",
        "healthCheckSuccessThreshold",
        "healthCheckTimeoutSeconds",
        "healthCheckType",
        "imageName",
        "memoryLimit",
        "memoryRequest",
        "port",
        "protocol",
        "replicaCount",
        "serviceId",
        "serviceType",
        # pipelines and nodes
        "groupName",
        "processorQueue",
        "serverType",
        # schedules
        "exchange",
        "lastRunAt",
        "routingKey",
        "totalRunCount",
    }
)
"""Keys of files for Sermos and scalable-pypeline that mean nothing here."""

_SERVICE_DEPTH = 3


@dataclass(slots=True)
class Validated:
    """
    The model, or None where there are faults; ``ignored`` are the paths of older keys.

    ``meant`` are paths that an unknown key was a misspelling of: what is missing there is no other fault.
    """

    model: SermosFile | None = None
    faults: list[Fault] = field(default_factory=list)
    ignored: list[Path] = field(default_factory=list)
    meant: set[Path] = field(default_factory=set)


def validate(data: dict[str, Any], written: Any, hints: Hints) -> Validated:
    """
    Check the data of a whole file; older keys are removed from it.

    ``written`` is the same data before its variables were filled in: messages quote that, never a secret.
    """
    done = Validated()
    errors = _errors(data, done)
    done.ignored = sorted((_locate(error, data) for error in errors if _is_ancestral(error)), key=len)
    for path in done.ignored:
        del _at(data, path[:-1])[path[-1]]
    wrong = [error for error in errors if not _is_ancestral(error)]
    if done.ignored and not wrong:
        wrong = _errors(data, done)
    done.faults = _faults(wrong, data, written, done.meant, hints)
    return done


def _errors(data: Any, done: Validated) -> list[Any]:
    try:
        done.model = SermosFile.model_validate(data)
    except ValidationError as error:
        return error.errors(include_url=False)
    return []


def _is_ancestral(error: Any) -> bool:
    if error["type"] != "extra_forbidden":
        return False
    path = error["loc"]
    queue_of_service = path[0] == "serviceConfig" and len(path) == _SERVICE_DEPTH and path[-1] == "queue"
    return path[-1] in ANCESTRAL or queue_of_service


def _faults(errors: Iterable[Any], data: Any, written: Any, meant: set[Path], hints: Hints) -> list[Fault]:
    located = [(_locate(error, data), error) for error in errors]
    unknown = [_unknown_key(path, data, meant, hints) for path, error in located if _is_unknown(error)]
    others = [
        Fault(path, *words(error, _at(written, path), hints), at_key=error["loc"][-1] == "[key]")
        for path, error in located
        if not _is_unknown(error) and path not in meant
    ]
    return unknown + others


def _is_unknown(error: Any) -> bool:
    return bool(error["type"] == "extra_forbidden")


def _unknown_key(path: Path, data: Any, meant: set[Path], hints: Hints) -> Fault:
    known = sorted(_known_keys(path[:-1], _at(data, path[:-1])))
    remedy = hints.of(str(path[-1]), known, f"remove it; known here: {', '.join(known)}")
    meant.update((*path[:-1], key) for key in known if remedy == f"did you mean `{key}`?")
    return Fault(path, "unknown key", remedy, at_key=True)


def _locate(error: Any, data: Any) -> Path:
    """The error's location as a path of the data: without the branches of unions that pydantic names."""
    path: list[str | int] = []
    *inner, last = error["loc"] or ("",)
    for step in inner:
        if _has(data, step):
            data = data[step]
            path.append(step)
    if _has(data, last) or error["type"] == "missing":
        path.append(last)
    return (*path, "type") if error["type"] == "union_tag_invalid" else tuple(path)


def _has(container: Any, step: str | int) -> bool:
    if isinstance(container, list):
        return isinstance(step, int) and step < len(container)
    return isinstance(container, dict) and step in container


def _at(data: Any, path: Path) -> Any:
    for step in path:
        if not _has(data, step):
            return None
        data = data[step]
    return data


def _known_keys(path: Path, mapping: Any) -> set[str]:
    """The keys that the mapping at this path may have."""
    kinds: list[Any] = [SermosFile]
    for step in path:
        kinds = [inner for kind in kinds for inner in _inside(kind, step)]
    return {alias for kind in kinds if _is_model(kind) and _may_be(kind, mapping) for alias in _fields(kind)}


def _inside(kind: Any, step: str | int) -> Iterator[Any]:
    if _is_model(kind):
        known = _fields(kind)
        if step in known:
            yield from _flat(known[str(step)])
    elif get_origin(kind) in (dict, list):
        yield from _flat(get_args(kind)[-1])


def _flat(kind: Any) -> Iterator[Any]:
    """The alternatives of a type, without what annotates them."""
    if get_origin(kind) is Annotated:
        yield from _flat(get_args(kind)[0])
    elif get_origin(kind) in (Union, UnionType):
        for part in get_args(kind):
            yield from _flat(part)
    else:
        yield kind


def _may_be(kind: type[Model], mapping: Any) -> bool:
    """Whether a mapping is of this kind, as far as its ``type`` tells."""
    tag = kind.model_fields.get("type")
    return tag is None or mapping_at(mapping).get("type") in get_args(tag.annotation)


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Model)


def _fields(kind: type[Model]) -> dict[str, Any]:
    return {info.alias or name: info.annotation for name, info in kind.model_fields.items()}
