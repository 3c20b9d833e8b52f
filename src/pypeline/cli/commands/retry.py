"""``pypeline retry``."""
# ruff: noqa: PLC0415 - help needs none of these imports

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pypeline.cli.options import concurrency_option, config_option, json_option, run_argument, timeout_option

if TYPE_CHECKING:
    from pypeline.cli.running import Wishes


@click.command("retry")
@run_argument
@click.option(
    "--from", "from_node", metavar="NODE", help="This node and all that follow it, successes included."
)
@config_option
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
    concurrency: int,
    *,
    as_json: bool,
) -> None:
    """
    Do again what did not succeed in RUN; what succeeded is kept.

    A run whose process is gone is taken over. Ctrl-C cancels, a second one leaves at once.
    """
    from pypeline.cli.running import Wishes

    wishes = Wishes(as_json=as_json, timeout=timeout, concurrency=concurrency)
    context.exit(_retry(run, from_node, config, wishes))


def _retry(text: str, from_node: str | None, config_path: str | None, wishes: Wishes) -> int:
    from pypeline.cli.opening import open_system, read_config, refuse_broker
    from pypeline.cli.resolving import resolve
    from pypeline.cli.running import Run, run_here
    from pypeline.config import Settings

    settings = Settings.load()
    refuse_broker(settings, "retry runs")
    config = read_config(config_path, settings)
    with open_system(settings, config) as system:
        run_id = resolve(system.application, text)
        plan = system.application.plan(run_id)

        def begin() -> str:
            system.application.retry(run_id, from_node=from_node)
            return run_id

        return run_here(Run(system, settings, config, plan, begin), wishes)
