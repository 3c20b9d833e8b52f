"""The kinds of values that ``sermos.yaml`` holds, and what is said of one that does not fit."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from pypeline.config.variables import typed
from pypeline.config.zones import zone_fault
from pypeline.schedules.crontab import BadCrontab, parse_field
from pypeline.schedules.timing import BadTiming, parse_moment

if TYPE_CHECKING:
    from pydantic import ValidationInfo

_DOTTED = r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$"
_NODE = r"^[A-Za-z0-9_.-]+$"
_SERVICE = r"^[A-Za-z0-9_-]+$"
_TOOL = r"^[A-Za-z_]\w*$"

PATTERNS = {
    _DOTTED: "a dotted path such as `package.module.function`",
    _NODE: "a name of letters, digits, `_`, `-` and `.`",
    _SERVICE: "a name of letters, digits, `_` and `-`",
    _TOOL: "a Python name",
}
"""What each pattern asks for, in words."""


class Model(BaseModel):
    """What every part of the file has in common: camelCase keys, no unknown ones, nothing changes later."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, validate_by_name=False, validate_by_alias=True
    )


def problem(said: str, remedy: str) -> PydanticCustomError:
    """The error of a validator, in our words."""
    return PydanticCustomError("said", "{said}", {"said": said, "remedy": remedy})


def _number(value: Any) -> Any:
    # Python counts booleans among the numbers; `maxRetry: yes` is a mistake all the same.
    if isinstance(value, bool):
        raise problem("is a boolean", "write a number")
    return typed(value)


def _empty(value: Any) -> Any:
    return {} if value is None else value


def _empty_list(value: Any) -> Any:
    return [] if value is None else value


def _cron_text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _cron_field(value: str, info: ValidationInfo) -> str:
    try:
        parse_field(value, to_camel(info.field_name or ""))
    except BadCrontab as error:
        raise problem(error.problem, error.remedy) from error
    return value


def _zone(value: str) -> str:
    fault = zone_fault(value)
    if fault is not None:
        raise problem(*fault)
    return value


def _moment(value: Any) -> Any:
    if not isinstance(value, str):
        raise problem("is no time", "write it as 2026-05-01T08:00")
    try:
        return parse_moment(value)
    except BadTiming as error:
        raise problem(error.problem, error.remedy) from error


Text = Annotated[str, StringConstraints(min_length=1)]
Dotted = Annotated[str, StringConstraints(pattern=_DOTTED)]
NodeName = Annotated[str, StringConstraints(pattern=_NODE)]
ServiceName = Annotated[str, StringConstraints(pattern=_SERVICE)]
ToolName = Annotated[str, StringConstraints(pattern=_TOOL)]

Typed = BeforeValidator(typed)
Number = BeforeValidator(_number)
NullIsEmpty = BeforeValidator(_empty)
NullIsEmptyList = BeforeValidator(_empty_list)
# What an integer column holds, and ten years: more is a slip of the pen, or a null that was not found.
_MOST = 2**31 - 1
_LONGEST = 10 * 366 * 24 * 3600
Count = Annotated[int, Field(ge=1, le=_MOST), Number]
Retries = Annotated[int | None, Field(ge=0, le=_MOST), Number]
Seconds = Annotated[float, Field(ge=0, le=_LONGEST, allow_inf_nan=False), Number]
SomeSeconds = Annotated[float | None, Field(gt=0, le=_LONGEST, allow_inf_nan=False), Number]
OptionalCount = Annotated[int | None, Field(ge=1, le=_MOST), Number]
Boolean = Annotated[bool, Typed]
Any_ = Annotated[JsonValue, Typed]
Object = Annotated[dict[str, JsonValue], NullIsEmpty, Typed]
Zone = Annotated[str, AfterValidator(_zone)]
Moment = Annotated[
    datetime, BeforeValidator(_moment), WithJsonSchema({"type": "string", "examples": ["2026-05-01T08:00"]})
]
CronField = Annotated[
    str,
    AfterValidator(_cron_field),
    BeforeValidator(_cron_text),
    WithJsonSchema({"type": ["string", "integer"]}),
]
