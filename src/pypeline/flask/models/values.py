"""What callers send, within what every database can hold."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field

from pypeline.store.records import NODE


def _not_a_number(value: object) -> object:
    # pydantic would take one for the seconds since 1970.
    try:
        float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return value
    raise ValueError("write a date and a time, as 2026-05-01T08:00:00Z")


def _utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("this is beyond the calendar") from error


Text = Annotated[str, Field(pattern=r"^[^\x00]*$")]
"""A text without NUL: PostgreSQL keeps none."""

Instant = Annotated[AwareDatetime, BeforeValidator(_not_a_number), AfterValidator(_utc)]
"""A time with its zone, in UTC."""

RowId = Annotated[int, Field(ge=0, lt=2**63)]
"""The number of a row."""

Item = Annotated[int, Field(ge=NODE, lt=2**63)]
"""The index of an item of a node, or `NODE`."""

Cursor = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]
"""`next` of a page."""
