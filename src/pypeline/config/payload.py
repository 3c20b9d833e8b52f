"""A run's payload against what its pipeline says about it."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from pypeline.config.models import PipelineModel
from pypeline.config.plans import pipeline_from_document
from pypeline.errors import InvalidPayload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pypeline.config.payload_models import PayloadProperty
    from pypeline.runs.plan import Plan
    from pypeline.types import JsonObject


def validate_payload(plan_or_model: Plan | PipelineModel, payload: Any) -> JsonObject:
    """
    The payload with its defaults filled in. Values that no setting describes pass as they are.

    Raises InvalidPayload, which names every problem.
    """
    model = _model(plan_or_model)
    if not isinstance(payload, dict) or not all(isinstance(key, str) for key in payload):
        raise InvalidPayload('the payload is no JSON object: write {} or {"name": value}')
    settings = model.config.settings
    if settings is None:
        return payload
    filled = _filled(settings.properties, payload)
    problems = list(_problems(settings.properties, settings.required, filled, ""))
    if problems:
        raise InvalidPayload(f"the payload does not fit its pipeline: {'; '.join(problems)}")
    return filled


def _model(plan_or_model: Plan | PipelineModel) -> PipelineModel:
    if isinstance(plan_or_model, PipelineModel):
        return plan_or_model
    return pipeline_from_document(plan_or_model.pipeline_id, plan_or_model.document)


def _filled(properties: Mapping[str, PayloadProperty], payload: JsonObject) -> JsonObject:
    defaults = {
        name: setting.default
        for name, setting in properties.items()
        if name not in payload and setting.has_default
    }
    return {**payload, **defaults}


def _problems(
    properties: Mapping[str, PayloadProperty], required: list[str], payload: JsonObject, prefix: str
) -> Iterator[str]:
    for name in required:
        if payload.get(name) is None:
            yield f"`{prefix}{name}` is missing"
    for name, setting in properties.items():
        # Null stands for "not given" in forms; what must be given is asked for above.
        if payload.get(name) is not None:
            yield from _value_problems(f"{prefix}{name}", payload[name], setting)


def _value_problems(name: str, value: Any, setting: PayloadProperty) -> Iterator[str]:
    if not _TYPES[setting.data_type](value):
        yield f"`{name}` is not of type {setting.data_type}"
        return
    if setting.minimum is not None and _is_number(value) and value < setting.minimum:
        yield f"`{name}` is below {setting.minimum:g}"
    if setting.maximum is not None and _is_number(value) and value > setting.maximum:
        yield f"`{name}` is above {setting.maximum:g}"
    if setting.allowed is not None and not _is_allowed(value, setting.allowed):
        yield f"`{name}` is not one of {', '.join(str(one) for one in setting.allowed)}"
    if isinstance(value, list) and setting.element_type is not None:
        fits = _TYPES[setting.element_type]
        for index in (index for index, element in enumerate(value) if not fits(element)):
            yield f"`{name}[{index}]` is not of type {setting.element_type}"
    if isinstance(value, dict) and setting.properties is not None:
        yield from _problems(setting.properties, [], value, f"{name}.")


def _is_allowed(value: Any, allowed: list[Any]) -> bool:
    several = value if isinstance(value, list) else [value]
    return all(one in allowed for one in several)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_moment(value: Any) -> bool:
    return isinstance(value, str) and _parses(datetime.fromisoformat, value)


def _is_day(value: Any) -> bool:
    return isinstance(value, str) and _parses(date.fromisoformat, value)


def _parses(parse: Callable[[str], object], text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True


_TYPES: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "int": _is_whole,
    "float": _is_number,
    "boolean": lambda value: isinstance(value, bool),
    "datetime": _is_moment,
    "date": _is_day,
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}
