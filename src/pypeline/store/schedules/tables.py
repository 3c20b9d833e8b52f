"""
The tables of schedules, beside those of `pypeline.store.tables`.

A schedule may be written with plain SQL too: what is usual has a default, and what a row cannot hold is
refused by its constraints, which stand in the migration.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    Boolean,
    Column,
    Computed,
    Double,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Table,
    Text,
    text,
    true,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from pypeline.store.tables import PREFIX, Timestamp, metadata

if TYPE_CHECKING:
    from sqlalchemy.sql.compiler import DDLCompiler

__all__ = ["beat", "metadata", "occurrence", "schedule"]


class _Now(FunctionElement[Any]):
    """The time as a `Timestamp`, of rows that are inserted with plain SQL."""

    inherit_cache = True


@compiles(_Now)
def _now(element: _Now, compiler: DDLCompiler, **options: Any) -> str:
    del element, compiler, options
    return "now()"


@compiles(_Now, "sqlite")
def _now_in_sqlite(element: _Now, compiler: DDLCompiler, **options: Any) -> str:
    del element, compiler, options
    return "(strftime('%Y-%m-%dT%H:%M:%f000Z', 'now'))"


# All that decides the times: where it is another than ``planned``, they are planned anew.
_PLAN_KEY = (
    "CASE WHEN enabled AND retired_at IS NULL"
    " THEN kind || '|' || timing || '|' || timezone || '|' || coalesce(start_at, '')"
    " || '|' || coalesce(end_at, '') ELSE 'off' END"
)

schedule = Table(
    PREFIX + "schedule",
    metadata,
    Column("app", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("source", String(16), nullable=False, server_default="user"),
    Column("name", Text),
    Column("enabled", Boolean, nullable=False, server_default=true()),
    Column("target_kind", String(16), nullable=False),
    Column("target", Text, nullable=False),
    Column("queue", Text),
    Column("kind", String(16), nullable=False),
    Column("timing", Text, nullable=False),
    Column("timezone", Text, nullable=False, server_default="UTC"),
    Column("start_at", Text),
    Column("end_at", Text),
    Column("payload", Text, nullable=False, server_default="{}"),
    Column("misfire", String(16), nullable=False, server_default="latest"),
    Column("misfire_grace", Double, nullable=False, server_default="60"),
    Column("overlap", String(16), nullable=False, server_default="allow"),
    Column("expires", Double),
    Column("created_at", Timestamp, nullable=False, server_default=_Now()),
    Column("updated_at", Timestamp, nullable=False, server_default=_Now()),
    Column("file_enabled", Boolean),
    Column("retired_at", Timestamp),
    # What the scheduler remembers; whoever writes down what is above leaves it alone.
    Column("next_at", Timestamp),
    Column("last_at", Timestamp),
    Column("last_run", String(36)),
    Column("count", Integer, nullable=False, server_default="0"),
    Column("problem", Text),
    Column("planned", Text, nullable=False, server_default=text("''")),
    Column("plan_key", Text, Computed(_PLAN_KEY, persisted=True)),
)
_has_next = text("next_at IS NOT NULL")
_is_unplanned = text("planned <> plan_key")
Index(
    "ix_pypeline_schedule_due",
    schedule.c.app,
    schedule.c.next_at,
    sqlite_where=_has_next,
    postgresql_where=_has_next,
)
Index(
    "ix_pypeline_schedule_unplanned",
    schedule.c.app,
    schedule.c.id,
    sqlite_where=_is_unplanned,
    postgresql_where=_is_unplanned,
)

occurrence = Table(
    PREFIX + "occurrence",
    metadata,
    Column("app", Text, primary_key=True),
    Column("schedule_id", Text, primary_key=True),
    Column("due_at", Timestamp, primary_key=True),
    Column("fired_at", Timestamp, nullable=False),
    Column("run_id", String(36)),
    Column("reason", Text),
    ForeignKeyConstraint(["app", "schedule_id"], [schedule.c.app, schedule.c.id], ondelete="CASCADE"),
)

beat = Table(
    PREFIX + "beat",
    metadata,
    Column("app", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("version", Text, nullable=False),
    Column("started_at", Timestamp, nullable=False),
    Column("seen_at", Timestamp, nullable=False),
)
