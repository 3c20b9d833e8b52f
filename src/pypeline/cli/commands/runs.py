"""``pypeline runs``."""
# ruff: noqa: PLC0415 - help needs none of these imports

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pypeline.cli.options import complete_pipeline, complete_run, json_option

if TYPE_CHECKING:
    from pypeline.bootstrap import System
    from pypeline.store.records import RunFilter

_STATES = ("pending", "running", "success", "failed", "cancelled")


@click.command("runs")
@click.option("--pipeline", shell_complete=complete_pipeline, help="Of this pipeline only.")
@click.option(
    "--state", "states", type=click.Choice(_STATES), multiple=True, help="In this state; may be repeated."
)
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="At most so many.")
@click.option(
    "--after", metavar="RUN", shell_complete=complete_run, help="Go on after this run: the next page."
)
@json_option
def command(
    pipeline: str | None, states: tuple[str, ...], limit: int, after: str | None, *, as_json: bool
) -> None:
    """List runs, newest first."""
    from pypeline.cli.opening import open_system
    from pypeline.cli.output import print_json
    from pypeline.cli.resolving import resolve
    from pypeline.config import Settings
    from pypeline.runs.states import RunState
    from pypeline.store.records import RunFilter

    with open_system(Settings.load()) as system:
        wanted = RunFilter(
            pipeline_id=pipeline,
            states=frozenset(map(RunState, states)),
            limit=limit,
            after=None if after is None else resolve(system.application, after),
        )
        if as_json:
            print_json(system.application.runs_document(wanted))
        else:
            _print(system, wanted)


def _print(system: System, wanted: RunFilter) -> None:
    import sys

    from pypeline.cli.output import console_for
    from pypeline.cli.tables import SHORT_ID, runs_table

    runs = system.application.runs(wanted)
    if not runs:
        click.echo("No such runs. `pypeline run PIPELINE` starts one.", err=True)
        return
    console = console_for(sys.stdout)
    console.print(runs_table(runs, console), soft_wrap=True)
    if len(runs) == wanted.limit:
        click.echo(f"More: pypeline runs --after {runs[-1].run_id[:SHORT_ID]}", err=True)
