"""Schedules with what the scheduler remembers of them, their occurrences, and the schedulers that live."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from pypeline.store import tables

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_PLAN_KEY = (
    "CASE WHEN enabled AND retired_at IS NULL"
    " THEN kind || '|' || timing || '|' || timezone || '|' || coalesce(start_at, '')"
    " || '|' || coalesce(end_at, '') ELSE 'off' END"
)
_IS_SCHEDULED = sa.text("state IN ('pending', 'running') AND substr(trigger, 1, 9) = 'schedule:'")
_HAS_NEXT = sa.text("next_at IS NOT NULL")
_IS_UNPLANNED = sa.text("planned <> plan_key")
# Whoever edits a row by hand hears at once what it cannot hold, rather than the scheduler later.
_CHECKS = {
    "source": "source IN ('file', 'user')",
    "target_kind": "target_kind IN ('task', 'pipeline')",
    "kind": "kind IN ('interval', 'crontab', 'cron', 'once')",
    "misfire": "misfire IN ('latest', 'all', 'skip')",
    "overlap": "overlap IN ('allow', 'skip')",
    "misfire_grace": "misfire_grace BETWEEN 0 AND 1e12",
    "expires": "expires BETWEEN 0 AND 1e12",
}
_IS_OBJECT = {
    "sqlite": "CASE WHEN json_valid(payload) THEN json_type(payload) = 'object' ELSE false END",
    "postgresql": "json_typeof(payload::json) = 'object'",
}

_NOW = {
    "sqlite": "(strftime('%Y-%m-%dT%H:%M:%f000Z', 'now'))",
    "postgresql": "now()",
}


def upgrade() -> None:
    _create_schedule()
    _create_occurrence()
    op.create_table(
        "pypeline_beat",
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("started_at", tables.Timestamp(timezone=True), nullable=False),
        sa.Column("seen_at", tables.Timestamp(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("app", "id", name=op.f("pk_pypeline_beat")),
    )
    op.create_index(
        "ix_pypeline_run_scheduled",
        "pypeline_run",
        ["app", "trigger"],
        unique=False,
        sqlite_where=_IS_SCHEDULED,
        postgresql_where=_IS_SCHEDULED,
    )
    op.execute("INSERT INTO pypeline_schema (level, needs) VALUES (3, 1)")


def _create_schedule() -> None:
    dialect = op.get_bind().dialect.name
    now = sa.text(_NOW[dialect])
    op.create_table(
        "pypeline_schedule",
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("source", sa.String(length=16), server_default="user", nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("enabled", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("target_kind", sa.String(length=16), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("queue", sa.Text(), nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("timing", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), server_default="UTC", nullable=False),
        sa.Column("start_at", sa.Text(), nullable=True),
        sa.Column("end_at", sa.Text(), nullable=True),
        sa.Column("payload", sa.Text(), server_default="{}", nullable=False),
        sa.Column("misfire", sa.String(length=16), server_default="latest", nullable=False),
        sa.Column("misfire_grace", sa.Double(), server_default="60", nullable=False),
        sa.Column("overlap", sa.String(length=16), server_default="allow", nullable=False),
        sa.Column("expires", sa.Double(), nullable=True),
        sa.Column("created_at", tables.Timestamp(timezone=True), server_default=now, nullable=False),
        sa.Column("updated_at", tables.Timestamp(timezone=True), server_default=now, nullable=False),
        sa.Column("file_enabled", sa.Boolean(), nullable=True),
        sa.Column("retired_at", tables.Timestamp(timezone=True), nullable=True),
        sa.Column("next_at", tables.Timestamp(timezone=True), nullable=True),
        sa.Column("last_at", tables.Timestamp(timezone=True), nullable=True),
        sa.Column("last_run", sa.String(length=36), nullable=True),
        sa.Column("count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("planned", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("plan_key", sa.Text(), sa.Computed(_PLAN_KEY, persisted=True)),
        sa.PrimaryKeyConstraint("app", "id", name=op.f("pk_pypeline_schedule")),
        *(_check(name, condition) for name, condition in _CHECKS.items()),
        _check("payload", _IS_OBJECT[dialect]),
    )
    op.create_index(
        "ix_pypeline_schedule_due",
        "pypeline_schedule",
        ["app", "next_at"],
        unique=False,
        sqlite_where=_HAS_NEXT,
        postgresql_where=_HAS_NEXT,
    )
    op.create_index(
        "ix_pypeline_schedule_unplanned",
        "pypeline_schedule",
        ["app", "id"],
        unique=False,
        sqlite_where=_IS_UNPLANNED,
        postgresql_where=_IS_UNPLANNED,
    )


def _create_occurrence() -> None:
    op.create_table(
        "pypeline_occurrence",
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("schedule_id", sa.Text(), nullable=False),
        sa.Column("due_at", tables.Timestamp(timezone=True), nullable=False),
        sa.Column("fired_at", tables.Timestamp(timezone=True), nullable=False),
        sa.Column("run_id", sa.String(length=36), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["app", "schedule_id"],
            ["pypeline_schedule.app", "pypeline_schedule.id"],
            name=op.f("fk_pypeline_occurrence_app_schedule_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("app", "schedule_id", "due_at", name=op.f("pk_pypeline_occurrence")),
    )


def _check(name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_pypeline_schedule_{name}"))
