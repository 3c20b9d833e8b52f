"""How far attempts are that say so."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pypeline_progress",
        sa.Column("run_id", sa.String(length=36), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("item", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("done", sa.Double(), nullable=False),
        sa.Column("total", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["pypeline_run.id"],
            name=op.f("fk_pypeline_progress_run_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("run_id", "position", "item", name=op.f("pk_pypeline_progress")),
    )
    op.execute("INSERT INTO pypeline_schema (level, needs) VALUES (4, 1)")
