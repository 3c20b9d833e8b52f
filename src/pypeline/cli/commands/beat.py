"""``pypeline beat``."""
# ruff: noqa: PLC0415 - help needs none of these imports

from __future__ import annotations

import click

from pypeline.cli.options import config_option


@click.command("beat")
@click.option("-l", "--loglevel", metavar="LEVEL", help="Else LOG_LEVEL, or INFO.")
@config_option
@click.argument("celery_options", nargs=-1, type=click.UNPROCESSED, metavar="[-- CELERY OPTIONS]")
def command(loglevel: str | None, config: str | None, celery_options: tuple[str, ...]) -> None:
    """
    Start what is due: the scheduler. Any number of them may run at once.

    It becomes `celery -A pypeline.celery beat`. What stands behind -- is handed to that as it is.
    At its start it brings in the schedules of the configuration; later changes are in force within a second.
    """
    from pypeline.cli.serving import serve_beat

    serve_beat(config, [*(() if loglevel is None else ("-l", loglevel)), *celery_options])
