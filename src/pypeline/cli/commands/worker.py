"""``pypeline worker``."""
# ruff: noqa: PLC0415 - help needs none of these imports

from __future__ import annotations

import click

from pypeline.cli.options import config_option


@click.command("worker")
@click.option(
    "--name", metavar="SERVICE", help="The service of the configuration that it is; else WORKER_NAME, or all."
)
@click.option("-Q", "--queues", metavar="A,B", help="Read these queues, not those that the service needs.")
@click.option(
    "-c",
    "--concurrency",
    type=click.IntRange(1),
    metavar="N",
    help="Handlers at once; else one for each CPU.",
)
@click.option("-P", "--pool", metavar="POOL", help="prefork (default), threads, solo, gevent, eventlet …")
@click.option("-l", "--loglevel", metavar="LEVEL", help="Else LOG_LEVEL, or INFO.")
@click.option("-n", "--hostname", metavar="NODE", help="Celery's node name; else SERVICE@HOST, or APP@HOST.")
@config_option
@click.argument("celery_options", nargs=-1, type=click.UNPROCESSED, metavar="[-- CELERY OPTIONS]")
def command(  # noqa: PLR0913, PLR0917 - one for each option
    name: str | None,
    queues: str | None,
    concurrency: int | None,
    pool: str | None,
    loglevel: str | None,
    hostname: str | None,
    config: str | None,
    celery_options: tuple[str, ...],
) -> None:
    """
    Run handlers: a Celery worker on the queues that its service needs.

    It becomes `celery -A pypeline.celery worker`. What stands behind -- is handed to that as it is.
    SIGTERM lets what runs finish; see PYPELINE_SHUTDOWN_GRACE.
    """
    from pypeline.cli.serving import serve_worker

    chosen = {"-Q": queues, "-c": concurrency, "-P": pool, "-l": loglevel, "-n": hostname}
    given = [part for option, value in chosen.items() if value is not None for part in (option, str(value))]
    serve_worker(name, config, [*given, *celery_options])
