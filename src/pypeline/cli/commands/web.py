"""``pypeline web``."""
# ruff: noqa: PLC0415 - help needs none of these imports

from __future__ import annotations

import click

from pypeline.cli.options import config_option


@click.command("web")
@click.option(
    "-b",
    "--bind",
    metavar="ADDRESS",
    help="HOST:PORT or unix:PATH; 127.0.0.1:8000 if not given. Others than this machine need keys.",
)
@click.option(
    "-w",
    "--workers",
    type=click.IntRange(1),
    metavar="N",
    help="Processes; 2 to 4 by the CPUs if not given. One where no broker is set.",
)
@click.option(
    "--threads", type=click.IntRange(1), metavar="N", help="Requests at once in each; 8 if not given."
)
@config_option
@click.argument("gunicorn_options", nargs=-1, type=click.UNPROCESSED, metavar="[-- GUNICORN OPTIONS]")
def command(
    bind: str | None,
    workers: int | None,
    threads: int | None,
    config: str | None,
    gunicorn_options: tuple[str, ...],
) -> None:
    """
    Serve the API over HTTP, under gunicorn.

    What stands behind -- is handed to gunicorn as it is. SIGTERM and Ctrl-C let requests under way finish.
    """
    from pypeline.cli.web import serve_web

    chosen = {"--bind": bind, "--workers": workers, "--threads": threads}
    given = [part for option, value in chosen.items() if value is not None for part in (option, str(value))]
    serve_web(config, [*given, *gunicorn_options])
