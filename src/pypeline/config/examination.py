"""Everything that is checked without importing a handler: values, then the rules across them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pypeline.config.findings import Fault, Hints, show_path
from pypeline.config.pipeline_rules import pipeline_faults
from pypeline.config.schedule_rules import schedule_faults
from pypeline.config.service_rules import service_faults
from pypeline.config.structure import list_at, mapping_at
from pypeline.config.validation import validate
from pypeline.config.variables import expand

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pypeline.config.findings import Path
    from pypeline.config.models import SermosFile


@dataclass(frozen=True, slots=True)
class Examined:
    """The model of a file (None where there are faults), its data, and what to say about it."""

    model: SermosFile | None
    data: Any
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...] = ()


def examine(written: Any, env: Mapping[str, str]) -> Examined:
    """Check the data of a whole file. Never raises: a fault in one part does not hide those of others."""
    if not isinstance(written, dict):
        fault = Fault((), "the file should be a mapping", "begin it with `pipelines:`")
        return Examined(None, written, (fault,))
    data, missing = expand(written, env)
    hints = Hints()
    checked = validate(data, written, hints)
    faults = [fault for fault in missing if not _within(fault.path, checked.ignored)]
    # What a variable without a value breaks is said once, and by what breaks it.
    unsound = {fault.path for fault in faults}
    faults.extend(fault for fault in checked.faults if fault.path not in unsound)
    unsound |= {fault.path for fault in checked.faults} | checked.meant
    faults.extend(fault for fault in _rules(data, env, hints) if fault.path not in unsound)
    warnings = tuple(_warning(data, checked.ignored))
    return Examined(None if faults else checked.model, data, tuple(faults), warnings)


def _within(path: Path, parents: list[Path]) -> bool:
    return any(path[: len(parent)] == parent for parent in parents)


def _rules(data: Mapping[str, Any], env: Mapping[str, str], hints: Hints) -> Iterator[Fault]:
    pipelines = mapping_at(data, "pipelines")
    for pipeline_id, pipeline in pipelines.items():
        yield from pipeline_faults(("pipelines", pipeline_id), pipeline, hints)
    zone = env.get("PYPELINE_TIMEZONE") or "UTC"
    for schedule_id, task in mapping_at(data, "scheduledTasks").items():
        yield from schedule_faults(("scheduledTasks", schedule_id), task, pipelines, hints, zone=zone)
    yield from service_faults(data, env.get("PYPELINE_DEFAULT_QUEUE") or "pypeline", hints)


def _warning(data: Mapping[str, Any], ignored: list[Path]) -> Iterator[Fault]:
    """One warning for all that means nothing here, at the first of it."""
    idle: list[Path] = [
        ("serviceConfig", index)
        for index, service in enumerate(list_at(data, "serviceConfig"))
        if isinstance(service, dict) and service.get("registeredTasks") is None
    ]
    names = dict.fromkeys(str(path[-1]) for path in ignored)
    names |= dict.fromkeys(f"{show_path(path)} (no registeredTasks)" for path in idle)
    if names:
        problem = f"means nothing to PypeLine and is ignored: {', '.join(names)}"
        yield Fault([*ignored, *idle][0], problem, "remove what you no longer need", at_key=True)
