"""
The tables, described once for SQLAlchemy and Alembic.

All carry the prefix ``pypeline_``: they may live in the user's own database. JSON is kept as text, so that
a ``dict`` keeps its order. Indexes are few and partial: each one that a state change touches costs on the
hot path.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Computed,
    DateTime,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    text,
)

from pypeline.store.timestamps import format_time, parse_time

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect
    from sqlalchemy.types import TypeEngine

PREFIX = "pypeline_"


class Timestamp(TypeDecorator[datetime]):
    """An aware time in UTC: ``timestamptz`` in PostgreSQL, ISO 8601 text (which sorts) in SQLite."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The type that this database has for it."""
        chosen: TypeEngine[Any] = String(27) if dialect.name == "sqlite" else DateTime(timezone=True)
        return dialect.type_descriptor(chosen)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | str | None:
        """Towards the database."""
        return format_time(value) if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | str | None, dialect: Dialect) -> datetime | None:
        """From the database."""
        del dialect
        if isinstance(value, str):
            return parse_time(value)
        return value if value is None else value.astimezone(UTC)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _run_key() -> Column[str]:
    return Column("run_id", ForeignKey(PREFIX + "run.id", ondelete="CASCADE"), primary_key=True)


def _attempt_key() -> list[Column[int]]:
    return [Column(name, Integer, primary_key=True) for name in ("position", "item", "attempt")]


definition = Table(
    PREFIX + "definition",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("pipeline_id", Text, nullable=False),
    Column("document", Text, nullable=False),
    Column("created_at", Timestamp, nullable=False),
)

run = Table(
    PREFIX + "run",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("app", Text, nullable=False),
    Column("pipeline_id", Text, nullable=False),
    Column("definition_id", ForeignKey(definition.c.id), nullable=False),
    Column("broker", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("flag", String(16)),
    Column("trigger", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("replacements", Text, nullable=False),
    Column("idempotency_key", Text),
    Column("body_hash", String(64)),
    Column("open_sinks", Integer, nullable=False),
    Column("in_flight", Integer),
    Column("max_concurrency", Integer),
    Column("created_at", Timestamp, nullable=False),
    Column("started_at", Timestamp),
    Column("finished_at", Timestamp),
    Column("deadline_at", Timestamp),
    Column("error", Text),
    UniqueConstraint("app", "pipeline_id", "idempotency_key"),
)
_is_open = text("state IN ('pending', 'running')")
Index("ix_pypeline_run_app", run.c.app, run.c.created_at, run.c.id)
Index("ix_pypeline_run_pipeline", run.c.app, run.c.pipeline_id, run.c.created_at, run.c.id)
Index("ix_pypeline_run_open", run.c.broker, sqlite_where=_is_open, postgresql_where=_is_open)
_is_scheduled = text("state IN ('pending', 'running') AND substr(trigger, 1, 9) = 'schedule:'")
Index(
    "ix_pypeline_run_scheduled",
    run.c.app,
    run.c.trigger,
    sqlite_where=_is_scheduled,
    postgresql_where=_is_scheduled,
)

node = Table(
    PREFIX + "node",
    metadata,
    _run_key(),
    Column("position", Integer, primary_key=True),
    Column("item", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("queue", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("waiting", Integer, nullable=False),
    Column("is_ready", Boolean, Computed("waiting = 0", persisted=True)),
    Column("failed", Integer, nullable=False, server_default="0"),
    Column("skipped", Integer, nullable=False, server_default="0"),
    Column("items", Integer),
    Column("released", Integer, nullable=False, server_default="0"),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("token", String(32)),
    Column("flagged", Boolean, nullable=False, server_default=false()),
    Column("worker", Text),
    Column("lease_until", Timestamp),
    Column("due_at", Timestamp),
    Column("sent_at", Timestamp),
    Column("queued_at", Timestamp),
    Column("started_at", Timestamp),
    Column("finished_at", Timestamp),
    Column("result", Text),
    Column("elements", Integer),
    Column("error", Text),
)
_has_lease = text("state = 'running' AND lease_until IS NOT NULL")
_is_due = text("state = 'retrying'")
_is_queued = text("state = 'queued'")
# By a column of its own: an index that names ``waiting`` would make every lowering of a counter write to all.
_has_no_room = text("state = 'pending' AND is_ready")
Index("ix_pypeline_node_lease", node.c.lease_until, sqlite_where=_has_lease, postgresql_where=_has_lease)
Index("ix_pypeline_node_due", node.c.due_at, sqlite_where=_is_due, postgresql_where=_is_due)
Index("ix_pypeline_node_sent", node.c.sent_at, sqlite_where=_is_queued, postgresql_where=_is_queued)
Index(
    "ix_pypeline_node_ready",
    node.c.run_id,
    node.c.position,
    node.c.item,
    sqlite_where=_has_no_room,
    postgresql_where=_has_no_room,
)

element = Table(
    PREFIX + "element",
    metadata,
    _run_key(),
    Column("position", Integer, primary_key=True),
    Column("element", Integer, primary_key=True),
    Column("value", Text, nullable=False),
)

attempt = Table(
    PREFIX + "attempt",
    metadata,
    _run_key(),
    *_attempt_key(),
    Column("outcome", String(16), nullable=False),
    Column("worker", Text),
    Column("started_at", Timestamp),
    Column("finished_at", Timestamp, nullable=False),
    Column("error", Text),
)

log = Table(
    PREFIX + "log",
    metadata,
    _run_key(),
    *_attempt_key(),
    Column("text", Text, nullable=False),
)

progress = Table(
    PREFIX + "progress",
    metadata,
    _run_key(),
    Column("position", Integer, primary_key=True),
    Column("item", Integer, primary_key=True),
    Column("attempt", Integer, nullable=False),
    Column("done", Double, nullable=False),
    Column("total", Double),
)

worker = Table(
    PREFIX + "worker",
    metadata,
    Column("id", Text, primary_key=True),
    Column("app", Text, nullable=False),
    Column("broker", Text, nullable=False),
    Column("queues", Text, nullable=False),
    Column("service", Text),
    Column("pool", Text, nullable=False, server_default=text("''")),
    Column("concurrency", Integer, nullable=False, server_default="1"),
    Column("version", Text, nullable=False, server_default=text("''")),
    Column("started_at", Timestamp, nullable=False),
    Column("seen_at", Timestamp, nullable=False),
    Column("clock_at", Timestamp),
)
Index("ix_pypeline_worker_broker", worker.c.broker)

queue = Table(
    PREFIX + "queue",
    metadata,
    Column("broker", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("sent_at", Timestamp),
    Column("claimed_at", Timestamp),
    Column("resent_at", Timestamp),
)

turn = Table(
    PREFIX + "turn",
    metadata,
    Column("app", Text, primary_key=True),
    Column("broker", Text, primary_key=True),
    Column("swept_at", Timestamp, nullable=False),
)

# Of code before level 6, which may still run beside this; nothing here reads or writes it.
sweep = Table(
    PREFIX + "sweep",
    metadata,
    Column("broker", Text, primary_key=True),
    Column("swept_at", Timestamp, nullable=False),
)

audit = Table(
    PREFIX + "audit",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("app", Text, nullable=False),
    Column("at", Timestamp, nullable=False),
    Column("actor", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("target", Text),
    Column("source", Text, nullable=False),
    Column("status", Integer),
    Column("detail", Text),
    Column("run_id", String(36)),
)
Index("ix_pypeline_audit_app", audit.c.app, audit.c.id)

schema = Table(
    PREFIX + "schema",
    metadata,
    Column("level", Integer, primary_key=True),
    Column("needs", Integer, nullable=False),
)
