"""``pypeline run``."""
# ruff: noqa: PLC0415 - help needs none of these imports

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pypeline.cli.options import (
    concurrency_option,
    config_option,
    json_option,
    payload_option,
    pipeline_argument,
    timeout_option,
)

if TYPE_CHECKING:
    from pypeline.cli.running import Wishes
    from pypeline.types import JsonObject


@click.command("run")
@pipeline_argument
@config_option
@payload_option
@click.option("--no-wait", is_flag=True, help="Return once the run is accepted; needs a broker.")
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
    concurrency: int,
    *,
    no_wait: bool,
    as_json: bool,
) -> None:
    """
    Run PIPELINE in this process, and show its progress.

    Ctrl-C cancels the run, a second one leaves at once.
    Exit codes: 0 success, 1 failed or cancelled, 2 bad input, 3 no database, 4 timed out.
    """
    from pypeline.cli.running import Wishes

    _refuse_no_wait(no_wait)
    wishes = Wishes(as_json=as_json, timeout=timeout, concurrency=concurrency)
    context.exit(_run(pipeline, config, payload, wishes))


def _run(pipeline: str, config_path: str | None, payload: JsonObject, wishes: Wishes) -> int:
    from pypeline.cli.opening import open_system, read_config, refuse_broker
    from pypeline.cli.running import Run, run_here
    from pypeline.config import Settings

    settings = Settings.load()
    refuse_broker(settings, "run pipelines")
    config = read_config(config_path, settings)
    plan = config.plan(pipeline)
    config.checked_payload(pipeline, payload)
    with open_system(settings, config) as system:

        def begin() -> str:
            return system.application.invoke(pipeline, payload, trigger="cli")

        return run_here(Run(system, settings, config, plan, begin), wishes)


def _refuse_no_wait(no_wait: bool) -> None:  # noqa: FBT001 - it is the flag
    from pypeline.cli.failures import ExitCode, Failure
    from pypeline.config import Settings

    if no_wait and Settings.load().embedded:
        raise Failure(
            "--no-wait needs a broker: without one the run lives in this process and ends with it; "
            "leave --no-wait out",
            ExitCode.BAD_INPUT,
        )
