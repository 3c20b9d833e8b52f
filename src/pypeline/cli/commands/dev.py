"""``pypeline dev``."""
# ruff: noqa: PLC0415 - help needs none of these imports

from __future__ import annotations

import click

from pypeline.cli.options import concurrency_option, config_option


@click.command("dev")
@config_option
@concurrency_option
@click.option(
    "-b",
    "--bind",
    metavar="ADDRESS",
    default="127.0.0.1:8000",
    help="HOST:PORT of the API; 127.0.0.1:8000 if not given.",
)
@click.option("--no-web", is_flag=True, help="Leave the API out.")
@click.pass_context
def command(
    context: click.Context, config: str | None, concurrency: int | None, bind: str, *, no_web: bool
) -> None:
    """
    Start what is due and do it, and serve the API, in one process: a worker, a scheduler and a web server.

    No other server is needed. The file's schedules are brought in at its start; those of users are followed
    within a second.
    Ctrl-C lets what runs finish, a second one leaves at once.
    """
    from pypeline.cli.developing import develop

    context.exit(develop(config, concurrency, bind=None if no_web else bind))
