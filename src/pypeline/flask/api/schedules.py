"""Schedules: made, changed, switched, run and looked at while schedulers run."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from flask import url_for

from pypeline.application.schedules.documents import (
    history_document,
    schedule_document,
    schedules_document,
    upcoming_document,
)
from pypeline.application.schedules.wishes import ScheduleWish
from pypeline.errors import UnknownSchedule
from pypeline.flask.access import Role, caller
from pypeline.flask.answers import Answer, accepted
from pypeline.flask.cursors import Cursors
from pypeline.flask.models.runs import Invoked
from pypeline.flask.models.schedules import (
    DueTimes,
    History,
    HistoryQuery,
    NewSchedule,
    PreviewQuery,
    Schedule,
    ScheduleBody,
    SchedulePage,
    SchedulePatch,
    SchedulesQuery,
    UpcomingQuery,
)
from pypeline.flask.models.values import Instant, Text
from pypeline.flask.operations import Operations

if TYPE_CHECKING:
    from pypeline.flask.installation import Installation

schedules = Operations("schedules")

_CURSORS = Cursors[str]("schedules", Text)
_DUE_TIMES = Cursors[datetime]("history", Instant)
_UNKNOWN = (HTTPStatus.NOT_FOUND,)


@schedules.get("/schedules", query=SchedulesQuery, answers={HTTPStatus.OK: SchedulePage})
def list_schedules(here: Installation, query: SchedulesQuery) -> Answer:
    """Schedules by id: those of the configuration, and those of users."""
    after = _CURSORS.key(query.cursor) or ""
    found = here.application.schedules.list(source=query.source, limit=query.limit + 1, after=after)
    page, following = _CURSORS.page(found, query.limit, lambda record: record.schedule_id)
    return Answer({**schedules_document(page), "next": following})


@schedules.change(
    "POST",
    "/schedules",
    action="schedule.create",
    target="id",
    role=Role.ADMIN,
    body=NewSchedule,
    answers={HTTPStatus.CREATED: Schedule},
    location="the schedule",
    problems=(HTTPStatus.CONFLICT,),
)
def create_schedule(here: Installation, body: NewSchedule) -> Answer:
    """Make a schedule. A scheduler that runs obeys within a second."""
    return _created(here, body.id, body)


@schedules.get("/schedules/<schedule_id>", answers={HTTPStatus.OK: Schedule}, problems=_UNKNOWN)
def get_schedule(here: Installation, schedule_id: str) -> Answer:
    """One schedule."""
    return Answer(schedule_document(here.application.schedules.get(schedule_id)))


@schedules.change(
    "PUT",
    "/schedules/<schedule_id>",
    action="schedule.put",
    role=Role.ADMIN,
    body=ScheduleBody,
    answers={HTTPStatus.OK: Schedule, HTTPStatus.CREATED: Schedule},
    location="the schedule",
)
def put_schedule(here: Installation, schedule_id: str, body: ScheduleBody) -> Answer:
    """Make a schedule so, or make it anew: what is left out is as by default."""
    try:
        record = here.application.schedules.replace(schedule_id, _wish(body))
    except UnknownSchedule:
        return _created(here, schedule_id, body)
    return Answer(schedule_document(record))


@schedules.change(
    "PATCH",
    "/schedules/<schedule_id>",
    action="schedule.patch",
    body=SchedulePatch,
    answers={HTTPStatus.OK: Schedule},
    problems=_UNKNOWN,
)
def patch_schedule(here: Installation, schedule_id: str, body: SchedulePatch) -> Answer:
    """Change what is said, and nothing else. Switching takes an operator, all else an admin."""
    known = here.application.schedules
    if body.model_fields_set != {"enabled"}:
        caller().require(Role.ADMIN)
        return Answer(schedule_document(known.update(schedule_id, _wish(body))))
    switch = known.enable if body.enabled else known.disable
    return Answer(schedule_document(switch(schedule_id)))


@schedules.change(
    "DELETE",
    "/schedules/<schedule_id>",
    action="schedule.delete",
    role=Role.ADMIN,
    answers={HTTPStatus.NO_CONTENT: None},
    problems=_UNKNOWN,
)
def delete_schedule(here: Installation, schedule_id: str) -> Answer:
    """Delete a user's schedule with its history; its runs stay."""
    here.application.schedules.delete(schedule_id)
    return Answer(None, HTTPStatus.NO_CONTENT)


@schedules.change(
    "POST",
    "/schedules/<schedule_id>/run",
    action="schedule.run",
    answers={HTTPStatus.ACCEPTED: Invoked},
    location="the run",
    problems=_UNKNOWN,
)
def run_schedule(here: Installation, schedule_id: str) -> Answer:
    """Start now what a schedule starts; its times stay as they are."""
    known = here.application.schedules
    plan, _ = known.target_of(known.get(schedule_id).schedule)
    here.link.staff(plan)
    run_id = known.run(schedule_id)
    return accepted(run_id, pipeline_id=plan.pipeline_id, status="pending")


@schedules.get(
    "/schedules/<schedule_id>/upcoming",
    query=UpcomingQuery,
    answers={HTTPStatus.OK: DueTimes},
    problems=_UNKNOWN,
)
def get_upcoming(here: Installation, schedule_id: str, query: UpcomingQuery) -> Answer:
    """When it is due next; never where it is off."""
    known = here.application.schedules
    zone = known.get(schedule_id).schedule.timezone
    return Answer(upcoming_document(known.upcoming(schedule_id, count=query.count), zone))


@schedules.get(
    "/schedules/<schedule_id>/history",
    query=HistoryQuery,
    answers={HTTPStatus.OK: History},
    problems=_UNKNOWN,
)
def get_history(here: Installation, schedule_id: str, query: HistoryQuery) -> Answer:
    """The due times that were settled, newest first."""
    before = _DUE_TIMES.key(query.cursor)
    found = here.application.schedules.history(schedule_id, limit=query.limit + 1, before=before)
    page, following = _DUE_TIMES.page(found, query.limit, lambda record: record.due_at)
    return Answer({**history_document(page), "next": following})


@schedules.get("/preview", query=PreviewQuery, answers={HTTPStatus.OK: DueTimes})
def preview_times(here: Installation, query: PreviewQuery) -> Answer:
    """When five fields of cron are due next, whether or not there is such a schedule."""
    zone = query.timezone or here.settings.timezone
    times = here.application.schedules.preview(query.cron, timezone=zone, count=query.count)
    return Answer(upcoming_document(times, zone))


def _created(here: Installation, schedule_id: str, body: ScheduleBody) -> Answer:
    record = here.application.schedules.create(schedule_id, _wish(body))
    place = url_for(".get_schedule", schedule_id=schedule_id)
    return Answer(schedule_document(record), HTTPStatus.CREATED, {"Location": place})


def _wish(body: SchedulePatch) -> ScheduleWish:
    """What was said; null takes away."""
    given = {name: getattr(body, name) for name in body.model_fields_set - {"id"}}
    said: dict[str, Any] = {name: "" if value is None else value for name, value in given.items()}
    return ScheduleWish(**said)
