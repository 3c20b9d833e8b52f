"""The model of ``config.settings``: what a pipeline of version 2 says about its payload."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from pypeline.config.fields import Any_, Model, NullIsEmpty, NullIsEmptyList, Number, Text

DataType = Literal["string", "int", "float", "boolean", "datetime", "date", "array", "object"]
Bound = Annotated[float | int | None, Number]


class Option(Model):
    """One of the values that are allowed."""

    label: Annotated[str | None, Field(description="What a form shows for the value.")] = None
    value: Annotated[Any_, Field(description="The value itself.")]


class PayloadProperty(Model):
    """One value of the payload: its type, its bounds, and how a form asks for it."""

    data_type: Annotated[DataType, Field(description="The type of the value.")]
    input_type: Annotated[str | None, Field(description="How a form asks for it.")] = None
    label: Annotated[str | None, Field(description="What a form calls it.")] = None
    description: Annotated[str | None, Field(description="What it is for.")] = None
    placeholder: Annotated[str | None, Field(description="What a form shows while it is empty.")] = None
    minimum: Annotated[Bound, Field(description="The least number that is allowed.")] = None
    maximum: Annotated[Bound, Field(description="The greatest number that is allowed.")] = None
    options: Annotated[
        list[Annotated[Option | Any_, Field(union_mode="left_to_right")]] | None,
        Field(description="The values that are allowed, plain or with a label."),
    ] = None
    default: Annotated[Any_, Field(description="Used where the payload has no value.")] = None
    element_type: Annotated[DataType | None, Field(description="The type of an array's elements.")] = None
    properties: Annotated[
        dict[str, PayloadProperty] | None, Field(description="What an object holds: name -> value.")
    ] = None
    search_endpoint: Annotated[str | None, Field(description="Where a form looks values up.")] = None
    component: Annotated[str | None, Field(description="A form's own way to ask.")] = None

    @property
    def has_default(self) -> bool:
        """True where the file gives a default, be it null."""
        return "default" in self.model_fields_set

    @property
    def allowed(self) -> list[JsonValue] | None:
        """The values that are allowed, or None where any is."""
        if self.options is None:
            return None
        return [option.value if isinstance(option, Option) else option for option in self.options]


class PayloadSettings(Model):
    """Describes and validates the payload of a run."""

    required: Annotated[
        list[Text],
        NullIsEmptyList,
        Field(default_factory=list, description="Names that a payload has to have."),
    ]
    properties: Annotated[
        dict[str, PayloadProperty],
        NullIsEmpty,
        Field(default_factory=dict, description="Name -> what its value is."),
    ]
    scenario_settings: Annotated[
        list[Text] | None, Field(description="Names that a scenario may override; kept for forms.")
    ] = None
