"""``pypeline db``."""
# ruff: noqa: PLC0415 - help needs none of these imports

from __future__ import annotations

import click


@click.group("db")
def command() -> None:
    """Create, upgrade and inspect the database."""


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
