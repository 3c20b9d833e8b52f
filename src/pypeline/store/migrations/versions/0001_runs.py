"""The tables of runs: definitions, runs, nodes, elements, attempts, logs, workers, queues, sweeps."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from pypeline.store import tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pypeline_definition",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("pipeline_id", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("created_at", tables.Timestamp(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pypeline_definition")),
    )
    op.create_table(
        "pypeline_queue",
        sa.Column("broker", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sent_at", tables.Timestamp(timezone=True), nullable=True),
        sa.Column("claimed_at", tables.Timestamp(timezone=True), nullable=True),
        sa.Column("resent_at", tables.Timestamp(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("broker", "name", name=op.f("pk_pypeline_queue")),
    )
    op.create_table(
        "pypeline_schema",
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("needs", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("level", name=op.f("pk_pypeline_schema")),
    )
    op.create_table(
        "pypeline_sweep",
        sa.Column("broker", sa.Text(), nullable=False),
        sa.Column("swept_at", tables.Timestamp(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("broker", name=op.f("pk_pypeline_sweep")),
    )
    op.create_table(
        "pypeline_worker",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("broker", sa.Text(), nullable=False),
        sa.Column("queues", sa.Text(), nullable=False),
        sa.Column("started_at", tables.Timestamp(timezone=True), nullable=False),
        sa.Column("seen_at", tables.Timestamp(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pypeline_worker")),
    )
    op.create_index("ix_pypeline_worker_broker", "pypeline_worker", ["broker"], unique=False)
    op.create_table(
        "pypeline_run",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("pipeline_id", sa.Text(), nullable=False),
        sa.Column("definition_id", sa.String(length=64), nullable=False),
        sa.Column("broker", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("flag", sa.String(length=16), nullable=True),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("replacements", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=True),
        sa.Column("body_hash", sa.String(length=64), nullable=True),
        sa.Column("open_sinks", sa.Integer(), nullable=False),
        sa.Column("in_flight", sa.Integer(), nullable=True),
        sa.Column("max_concurrency", sa.Integer(), nullable=True),
        sa.Column("created_at", tables.Timestamp(timezone=True), nullable=False),
        sa.Column("started_at", tables.Timestamp(timezone=True), nullable=True),
        sa.Column("finished_at", tables.Timestamp(timezone=True), nullable=True),
        sa.Column("deadline_at", tables.Timestamp(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["definition_id"], ["pypeline_definition.id"], name=op.f("fk_pypeline_run_definition_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pypeline_run")),
        sa.UniqueConstraint(
            "app",
            "pipeline_id",
            "idempotency_key",
            name=op.f("uq_pypeline_run_app_pipeline_id_idempotency_key"),
        ),
    )
    op.create_index("ix_pypeline_run_app", "pypeline_run", ["app", "created_at", "id"], unique=False)
    op.create_index(
        "ix_pypeline_run_open",
        "pypeline_run",
        ["broker"],
        unique=False,
        sqlite_where=sa.text("state IN ('pending', 'running')"),
        postgresql_where=sa.text("state IN ('pending', 'running')"),
    )
    op.create_table(
        "pypeline_attempt",
        sa.Column("run_id", sa.String(length=36), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("item", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("started_at", tables.Timestamp(timezone=True), nullable=True),
        sa.Column("finished_at", tables.Timestamp(timezone=True), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["run_id"], ["pypeline_run.id"], name=op.f("fk_pypeline_attempt_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "position", "item", "attempt", name=op.f("pk_pypeline_attempt")),
    )
    op.create_table(
        "pypeline_element",
        sa.Column("run_id", sa.String(length=36), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("element", sa.Integer(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["pypeline_run.id"], name=op.f("fk_pypeline_element_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "position", "element", name=op.f("pk_pypeline_element")),
    )
    op.create_table(
        "pypeline_log",
        sa.Column("run_id", sa.String(length=36), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("item", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["pypeline_run.id"], name=op.f("fk_pypeline_log_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "position", "item", "attempt", name=op.f("pk_pypeline_log")),
    )
    op.create_table(
        "pypeline_node",
        sa.Column("run_id", sa.String(length=36), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("item", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("waiting", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("skipped", sa.Integer(), server_default="0", nullable=False),
        sa.Column("items", sa.Integer(), nullable=True),
        sa.Column("released", sa.Integer(), server_default="0", nullable=False),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("token", sa.String(length=32), nullable=True),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("lease_until", tables.Timestamp(timezone=True), nullable=True),
        sa.Column("due_at", tables.Timestamp(timezone=True), nullable=True),
        sa.Column("sent_at", tables.Timestamp(timezone=True), nullable=True),
        sa.Column("queued_at", tables.Timestamp(timezone=True), nullable=True),
        sa.Column("started_at", tables.Timestamp(timezone=True), nullable=True),
        sa.Column("finished_at", tables.Timestamp(timezone=True), nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("elements", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["run_id"], ["pypeline_run.id"], name=op.f("fk_pypeline_node_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "position", "item", name=op.f("pk_pypeline_node")),
    )
    op.create_index(
        "ix_pypeline_node_due",
        "pypeline_node",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("state = 'retrying'"),
        postgresql_where=sa.text("state = 'retrying'"),
    )
    op.create_index(
        "ix_pypeline_node_lease",
        "pypeline_node",
        ["lease_until"],
        unique=False,
        sqlite_where=sa.text("state = 'running' AND lease_until IS NOT NULL"),
        postgresql_where=sa.text("state = 'running' AND lease_until IS NOT NULL"),
    )
    op.create_index(
        "ix_pypeline_node_ready",
        "pypeline_node",
        ["run_id", "position", "item"],
        unique=False,
        sqlite_where=sa.text("state = 'pending' AND waiting = 0"),
        postgresql_where=sa.text("state = 'pending' AND waiting = 0"),
    )
    op.create_index(
        "ix_pypeline_node_sent",
        "pypeline_node",
        ["sent_at"],
        unique=False,
        sqlite_where=sa.text("state = 'queued'"),
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.execute("INSERT INTO pypeline_schema (level, needs) VALUES (1, 1)")
