"""Who changed what, and the runs of one pipeline by their age."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from pypeline.store import tables

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pypeline_audit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("at", tables.Timestamp(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("run_id", sa.String(36), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pypeline_audit")),
    )
    op.create_index("ix_pypeline_audit_app", "pypeline_audit", ["app", "id"], unique=False)
    op.create_index(
        "ix_pypeline_run_pipeline",
        "pypeline_run",
        ["app", "pipeline_id", "created_at", "id"],
        unique=False,
    )
    op.execute("INSERT INTO pypeline_schema (level, needs) VALUES (5, 1)")
