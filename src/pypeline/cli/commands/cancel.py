"""``pypeline cancel``."""
# ruff: noqa: PLC0415 - help needs none of these imports

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pypeline.cli.options import run_argument

if TYPE_CHECKING:
    from pypeline.store.records import RunRecord


@click.command("cancel")
@run_argument
def command(run: str) -> None:
    """End RUN: what waits ends now, what runs is told and may finish."""
    from pypeline.cli.opening import open_system
    from pypeline.cli.resolving import resolve
    from pypeline.config import Settings

    with open_system(Settings.load()) as system:
        run_id = resolve(system.application, run)
        before = system.application.run(run_id)
        system.application.cancel(run_id)
        click.echo(_said(before, system.application.run(run_id)))


def _said(before: RunRecord, after: RunRecord) -> str:
    from pypeline.runs.states import NodeState

    if before.state.is_terminal:
        return f"Run {after.run_id} had already ended: {after.state.value}."
    if after.state.is_terminal:
        return f"Run {after.run_id} is cancelled."
    running = after.counts.get(NodeState.RUNNING, 0)
    return f"Run {after.run_id} is being cancelled: {running:,} still run and may finish."
