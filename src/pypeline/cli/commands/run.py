"""``pypeline run``."""
# ruff: noqa: PLC0415 - help needs none of these imports

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pypeline.cli.options import (
    concurrency_option,
    config_option,
    json_option,
    no_wait_option,
    payload_option,
    pipeline_argument,
    timeout_option,
)

if TYPE_CHECKING:
    from pypeline.cli.wishes import Wishes
    from pypeline.types import JsonObject


@click.command("run")
@pipeline_argument
@config_option
@payload_option
@no_wait_option
@timeout_option
@json_option
@concurrency_option
@click.pass_context
def command(  # noqa: PLR0913 - one for each option
    context: click.Context,
    pipeline: str,
    config: str | None,
    payload: JsonObject,
    timeout: float | None,
    concurrency: int | None,
    *,
    no_wait: bool,
    as_json: bool,
) -> None:
    """
    Run PIPELINE, by the workers of the broker or else in this process, and show its progress.

    Ctrl-C cancels the run, a second one leaves at once.
    Exit codes: 0 success, 1 failed or cancelled, 2 bad input, 3 no database, 4 timed out.
    """
    from pypeline.cli.wishes import Wishes

    wishes = Wishes(as_json=as_json, timeout=timeout, concurrency=concurrency, no_wait=no_wait)
    context.exit(_run(pipeline, config, payload, wishes))


def _run(pipeline: str, config_path: str | None, payload: JsonObject, wishes: Wishes) -> int:
    from pypeline.cli.doing import do
    from pypeline.cli.opening import open_system, read_config
    from pypeline.cli.wishes import Run
    from pypeline.config import Settings

    settings = Settings.load()
    wishes.check(settings)
    settings.require_database()
    config = read_config(config_path, settings)
    plan = config.plan(pipeline)
    config.checked_payload(pipeline, payload)
    with open_system(settings, config) as system:

        def begin() -> str:
            return system.application.invoke(pipeline, payload, trigger="cli")

        return do(Run(system, settings, config, plan, begin), wishes)
