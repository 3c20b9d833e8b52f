"""``pypeline show``."""
# ruff: noqa: PLC0415 - help needs none of these imports

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pypeline.cli.options import json_option, run_argument

if TYPE_CHECKING:
    from pypeline.bootstrap import System


@click.command("show")
@run_argument
@click.option(
    "--node", metavar="NODE", help="One node (or item, as NODE[3]): its result, attempts, log and error."
)
@click.option("--watch", is_flag=True, help="Follow it until it ends; exit code 1 if that is no success.")
@json_option
@click.pass_context
def command(context: click.Context, run: str, node: str | None, *, watch: bool, as_json: bool) -> None:
    """Show RUN: its nodes, results, errors, and the logs of what failed."""
    from pypeline.cli.opening import open_system
    from pypeline.cli.resolving import resolve
    from pypeline.config import Settings

    if node is not None and as_json:
        raise click.UsageError("--node is for people; the document of --json has every node.")
    with open_system(Settings.load()) as system:
        run_id = resolve(system.application, run)
        code = _watch(system, run_id, quiet=as_json) if watch else 0
        _show(system, run_id, node, as_json=as_json)
    context.exit(code)


def _show(system: System, run_id: str, node: str | None, *, as_json: bool) -> None:
    import sys

    from pypeline.cli.output import console_for, print_json

    if as_json:
        print_json(system.application.document(run_id))
        return
    console = console_for(sys.stdout)
    if node is None:
        from pypeline.cli.details import print_run

        print_run(system, run_id, console)
    else:
        from pypeline.cli.details import print_node

        print_node(system, run_id, node, console)


def _watch(system: System, run_id: str, *, quiet: bool) -> int:
    import sys

    from pypeline.cli.following import watch
    from pypeline.cli.interrupts import Left, interrupts
    from pypeline.cli.output import console_for
    from pypeline.cli.progress import view_for

    view = view_for(console_for(sys.stderr), quiet=quiet)
    # An exception that a signal raises inside a function of SQLite's would be taken for the database's.
    with interrupts() as heard:
        try:
            return watch(system, run_id, view, heard)
        except Left as left:
            # The run goes on elsewhere; nobody wants to see it.
            raise click.exceptions.Exit(left.code) from None
