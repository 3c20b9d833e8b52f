"""What a worker says of itself, and a mark on nodes that run while their run is flagged."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from pypeline.store import tables

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The defaults let workers of the last release, which name none of these, go on beside new ones.
    for column in (
        sa.Column("service", sa.Text(), nullable=True),
        sa.Column("pool", sa.Text(), nullable=False, server_default=sa.text("''")),
        sa.Column("concurrency", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("version", sa.Text(), nullable=False, server_default=sa.text("''")),
        sa.Column("clock_at", tables.Timestamp(timezone=True), nullable=True),
    ):
        op.add_column("pypeline_worker", column)
    op.add_column(
        "pypeline_node", sa.Column("flagged", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    # The index of ready nodes names no counter any more: each lowering of one wrote to every index.
    op.drop_index("ix_pypeline_node_ready", "pypeline_node")
    # SQLite adds no stored one to a table that is there.
    stored = op.get_bind().dialect.name != "sqlite"
    op.add_column(
        "pypeline_node", sa.Column("is_ready", sa.Boolean(), sa.Computed("waiting = 0", persisted=stored))
    )
    op.create_index(
        "ix_pypeline_node_ready",
        "pypeline_node",
        ["run_id", "position", "item"],
        unique=False,
        sqlite_where=sa.text("state = 'pending' AND is_ready"),
        postgresql_where=sa.text("state = 'pending' AND is_ready"),
    )
    op.execute("INSERT INTO pypeline_schema (level, needs) VALUES (2, 1)")
