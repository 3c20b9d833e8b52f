"""``pypeline db``."""
# ruff: noqa: PLC0415 - help needs none of these imports

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from datetime import datetime

    from pypeline.application.retention import Retention


def _age(_context: click.Context, _parameter: click.Parameter, text: str) -> float:
    from pypeline.cli.words import age_of

    try:
        return age_of(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.group("db")
def command() -> None:
    """Create, upgrade, inspect and clean the database."""


@command.command("upgrade")
def upgrade() -> None:
    """Create the tables of PYPELINE_DATABASE_URL, or bring them up to this version."""
    from pypeline.bootstrap import upgrade_database
    from pypeline.config import Settings

    settings = Settings.load()
    settings.require_database()
    click.echo(f"The database is at schema level {upgrade_database(settings).level}.")


@command.command("current")
def current() -> None:
    """Say where the database's schema stands."""
    from pypeline.bootstrap import database_level
    from pypeline.config import Settings

    settings = Settings.load()
    settings.require_database()
    level = database_level(settings).level
    if level:
        click.echo(f"The database is at schema level {level}.")
    else:
        click.echo("The database has no tables of PypeLine yet: `pypeline db upgrade` creates them.")


@command.command("prune")
@click.option(
    "--older-than",
    "age",
    metavar="AGE",
    required=True,
    callback=_age,
    help="90m, 12h, 30d or 2w, since it ended.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be deleted, and change nothing.")
def prune(age: float, *, dry_run: bool) -> None:
    """
    Delete finished runs that are older, with their nodes, logs and results, and what nobody uses any more.

    Runs that have not ended are never touched. Interrupt it and repeat it as you like.
    """
    from pypeline.bootstrap import open_retention
    from pypeline.config import Settings

    settings = Settings.load()
    settings.require_database()
    with open_retention(settings) as retention:
        before = retention.before(age)
        if dry_run:
            _print_old(retention, before)
        else:
            _prune(retention, before)


def _print_old(retention: Retention, before: datetime) -> None:
    from pypeline.cli.words import counted, exactly

    old = retention.old(before)
    click.echo(
        f"Would delete {counted(old.runs, 'run')} that ended before {exactly(before)}, with "
        f"{counted(old.nodes, 'node')}; and {counted(old.occurrences, 'occurrence')} of schedules."
    )


def _prune(retention: Retention, before: datetime) -> None:
    from pypeline.cli.interrupts import Left, interrupts
    from pypeline.cli.pruning import follow

    try:
        with interrupts() as heard:
            click.echo(follow(retention, before, heard))
    except Left as left:
        click.echo("Interrupted. The same command goes on with it.", err=True)
        raise click.exceptions.Exit(left.code) from None
