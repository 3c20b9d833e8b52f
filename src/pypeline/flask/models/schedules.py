"""Schedules."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from pypeline.flask.models.common import Given, Page
from pypeline.flask.models.values import Cursor, Text
from pypeline.runs.states import RunState
from pypeline.store.schedules.records import Source


class SchedulePatch(Given):
    """
    What is to be changed of a schedule; null takes away what was there.

    One of `task` and `pipeline`, and one of `every`, `cron` and `at`.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [{"cron": "30 2 * * *"}, {"enabled": False}]})

    task: Text | None = Field(None, description="The dotted path of a registered handler.")
    pipeline: Text | None = Field(None, description="The id of a pipeline.")
    every: Text | None = Field(None, examples=["5 minutes"])
    cron: Text | None = Field(None, description="The five fields of cron.", examples=["30 2 * * *"])
    at: Text | None = Field(None, description="Once, at this local time.", examples=["2026-05-01T08:00"])
    timezone: Text | None = Field(None, description="An IANA name.", examples=["Europe/Berlin"])
    queue: Text | None = Field(None, description="The queue of a task.")
    payload: dict[str, Any] | None = None
    misfire: Literal["latest", "all", "skip"] | None = None
    misfire_grace: float | None = Field(None, description="Seconds of lateness that are no misfire.")
    overlap: Literal["allow", "skip"] | None = None
    start_at: Text | None = None
    end_at: Text | None = None
    expires: float | None = Field(None, description="Seconds of lateness after which it is not started.")
    name: Text | None = None
    enabled: bool = True


class ScheduleBody(SchedulePatch):
    """A whole schedule: what is left out is as by default."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"pipeline": "document-stats", "cron": "30 2 * * *"}]}
    )


class NewSchedule(ScheduleBody):
    """A schedule to make."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"id": "nightly", "pipeline": "document-stats", "cron": "30 2 * * *"}]
        }
    )

    id: str = Field(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9_.-]+$")


class LastRun(BaseModel):
    """The newest run of a schedule; its state is null once the run was deleted."""

    execution_id: str
    state: RunState | None


class Schedule(BaseModel):
    """A schedule: what was written down, and what the scheduler remembers of it."""

    id: str
    name: str | None
    enabled: bool
    target: dict[str, str] = Field(description="`task` or `pipeline`, with what is started.")
    queue: str | None
    schedule: dict[str, Any] = Field(
        description="`type`, and the parts of an interval, crontab, cron or time."
    )
    timezone: str
    next_at: str | None
    last_at: str | None
    last_run: LastRun | None
    count: int
    source: Source
    problem: str | None = Field(description="Why the scheduler switched it off.")
    payload: dict[str, Any]
    misfire: str
    misfire_grace: float
    overlap: str
    start_at: str | None
    end_at: str | None
    expires: float | None
    created_at: str
    updated_at: str
    retired_at: str | None = Field(description="When the configuration ceased to have it.")


class SchedulesQuery(Page):
    """Which schedules are wanted."""

    source: Source | None = None


class SchedulePage(BaseModel):
    """Schedules by id; `next` is the cursor of the page behind, null on the last."""

    schedules: list[Schedule]
    next: str | None


class UpcomingQuery(Given):
    """How many times are wanted."""

    count: int = Field(5, ge=1, le=1000)


class PreviewQuery(Given):
    """The times of which fields are wanted."""

    cron: Text = Field(description="The five fields of cron.", examples=["30 2 * * *"])
    timezone: Text | None = Field(None, description="An IANA name.")
    count: int = Field(10, ge=1, le=1000)


class DueTime(BaseModel):
    """A time at which a schedule is due, and what a change of the clocks does to it."""

    due_at: str
    local: str = Field(description="As the clocks of the zone show it.")
    note: str | None


class DueTimes(BaseModel):
    """Times that lie ahead, soonest first."""

    timezone: str
    upcoming: list[DueTime]


class HistoryQuery(Given):
    """Which part of a history is wanted."""

    limit: int = Field(20, ge=1, le=500)
    cursor: Cursor | None = Field(None, description="`next` of the page before.")


class OccurrenceRun(BaseModel):
    """The run that a due time started."""

    execution_id: str
    state: RunState | None
    started_at: str | None
    finished_at: str | None


class Occurrence(BaseModel):
    """A due time that was settled: its run, or the reason why there is none."""

    due_at: str
    fired_at: str | None
    reason: str | None
    run: OccurrenceRun | None


class History(BaseModel):
    """Due times, newest first; `next` is the cursor of the page behind, null on the last."""

    history: list[Occurrence]
    next: str | None
