"""Whose turn it is to sweep, of each application by itself."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from pypeline.store import tables

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pypeline_turn",
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("broker", sa.Text(), nullable=False),
        sa.Column("swept_at", tables.Timestamp(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("app", "broker", name=op.f("pk_pypeline_turn")),
    )
    op.execute("INSERT INTO pypeline_schema (level, needs) VALUES (6, 1)")
