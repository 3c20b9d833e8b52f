"""``pypeline retry``."""
# ruff: noqa: PLC0415 - help needs none of these imports

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pypeline.cli.options import (
    concurrency_option,
    config_option,
    json_option,
    no_wait_option,
    run_argument,
    timeout_option,
)

if TYPE_CHECKING:
    from pypeline.cli.wishes import Wishes


@click.command("retry")
@run_argument
@click.option(
    "--from", "from_node", metavar="NODE", help="This node and all that follow it, successes included."
)
@config_option
@no_wait_option
@timeout_option
@json_option
@concurrency_option
@click.pass_context
def command(  # noqa: PLR0913 - one for each option
    context: click.Context,
    run: str,
    from_node: str | None,
    config: str | None,
    timeout: float | None,
    concurrency: int | None,
    *,
    no_wait: bool,
    as_json: bool,
) -> None:
    """
    Do again what did not succeed in RUN; what succeeded is kept.

    A run that nobody works on any more is taken over. Ctrl-C cancels, a second one leaves at once.
    """
    from pypeline.cli.wishes import Wishes

    wishes = Wishes(as_json=as_json, timeout=timeout, concurrency=concurrency, no_wait=no_wait)
    context.exit(_retry(run, from_node, config, wishes))


def _retry(text: str, from_node: str | None, config_path: str | None, wishes: Wishes) -> int:
    from pypeline.cli.doing import do
    from pypeline.cli.opening import open_system, read_config
    from pypeline.cli.resolving import resolve
    from pypeline.cli.wishes import Run
    from pypeline.config import Settings

    settings = Settings.load()
    wishes.check(settings)
    settings.require_database()
    # Workers have the handlers, and the run its definition.
    config = read_config(config_path, settings) if settings.embedded else None
    with open_system(settings, config) as system:
        run_id = resolve(system.application, text)
        plan = system.application.plan(run_id)

        def begin() -> str:
            system.application.retry(run_id, from_node=from_node)
            return run_id

        return do(Run(system, settings, config, plan, begin), wishes)
