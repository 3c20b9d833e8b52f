"""The models of ``scheduledTasks``."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Discriminator, Field, Tag

from pypeline.config.fields import (
    Boolean,
    Count,
    CronField,
    Dotted,
    Model,
    Moment,
    Object,
    Seconds,
    SomeSeconds,
    Text,
    Typed,
    Zone,
)


class Crontab(Model):
    """Due when all five fields match, in Celery's grammar."""

    minute: Annotated[CronField, Field(description="0 to 59.")] = "*"
    hour: Annotated[CronField, Field(description="0 to 23.")] = "*"
    day_of_week: Annotated[CronField, Field(description="0 to 6 or names; Sunday is 0.")] = "*"
    day_of_month: Annotated[CronField, Field(description="1 to 31.")] = "*"
    month_of_year: Annotated[CronField, Field(description="1 to 12 or names.")] = "*"


class Interval(Model):
    """Due again and again, so far apart."""

    every: Annotated[Count, Field(description="How many periods.")]
    period: Annotated[
        Literal["microseconds", "seconds", "minutes", "hours", "days"],
        Field(description="The unit of `every`."),
    ]


def _kind(value: Any) -> str:
    """Tell a broken interval from a broken crontab by the keys it has."""
    keys = value if isinstance(value, dict) else {}
    return "interval" if "every" in keys or "period" in keys else "crontab"


Recurrence: TypeAlias = Annotated[
    Annotated[Crontab, Tag("crontab")] | Annotated[Interval, Tag("interval")], Discriminator(_kind)
]


class ScheduleConfig(Model):
    """What a schedule starts, and when."""

    schedule_type: Annotated[
        Literal["crontab", "interval", "once"], Field(description="How its times are said.")
    ]
    task: Annotated[Dotted | None, Field(description="The registered handler that it starts.")] = None
    pipeline: Annotated[Text | None, Field(description="The pipeline that it starts.")] = None
    queue: Annotated[Text | None, Field(description="The queue of the task.")] = None
    payload: Annotated[Object, Field(default_factory=dict, description="The payload of its runs.")]
    timezone: Annotated[Zone | None, Field(description="IANA name; default PYPELINE_TIMEZONE.")] = None
    misfire: Annotated[
        Literal["latest", "all", "skip"], Field(description="What was due while nothing ran.")
    ] = "latest"
    misfire_grace: Annotated[Seconds, Field(description="Seconds of lateness that are no misfire.")] = 60.0
    start_at: Annotated[Moment | None, Field(description="Not before this local time.")] = None
    end_at: Annotated[Moment | None, Field(description="Not after this local time.")] = None
    at: Annotated[Moment | None, Field(description="The local time of `scheduleType: once`.")] = None
    overlap: Annotated[
        Literal["allow", "skip"], Field(description="Whether it starts while a run of it is still going.")
    ] = "allow"
    expires: Annotated[
        SomeSeconds, Field(description="Seconds after which an occurrence is not started.")
    ] = None
    schedule: Annotated[Recurrence | None, Field(description="The crontab or interval; `once` has none.")] = (
        None
    )


class ScheduledTask(Model):
    """When a task or a pipeline runs by itself."""

    name: Annotated[Text | None, Field(description="What people call it.")] = None
    enabled: Annotated[Boolean, Field(description="Whether it is on.")] = True
    schema_version: Annotated[Literal[1], Typed, Field(description="The form of this entry.")] = 1
    config: ScheduleConfig
