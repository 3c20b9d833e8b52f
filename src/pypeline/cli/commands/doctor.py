"""``pypeline doctor``."""
# ruff: noqa: PLC0415 - help needs none of these imports

from __future__ import annotations

import click

from pypeline.cli.options import config_option, json_option


@click.command("doctor")
@config_option
@json_option
@click.pass_context
def command(context: click.Context, config: str | None, *, as_json: bool) -> None:
    """
    Check configuration, database, broker, queues and workers, and say what to do.

    Nothing is changed.
    Exit codes: 0 no problem, 1 a problem, 2 faults of the configuration, 3 no database.
    """
    import sys
    from pathlib import Path

    from pypeline.bootstrap import examine_installation
    from pypeline.cli.checkups import code_of, print_checkup
    from pypeline.cli.output import console_for, print_json
    from pypeline.config import Settings

    checkup = examine_installation(Settings.load(), None if config is None else Path(config))
    if as_json:
        print_json(checkup.document())
    else:
        print_checkup(checkup, console_for(sys.stdout))
    context.exit(code_of(checkup))
