"""``pypeline graph``."""
# ruff: noqa: PLC0415 - help needs none of these imports

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pypeline.cli.options import config_option, pipeline_argument

if TYPE_CHECKING:
    from pypeline.runs.plan import Plan, Step


@click.command("graph")
@pipeline_argument
@config_option
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "mermaid", "dot", "svg"]),
    default="text",
    show_default=True,
    help="What to draw it as.",
)
@click.option("--output", type=click.Path(dir_okay=False, writable=True), help="A file, in place of stdout.")
def command(pipeline: str, config: str | None, form: str, output: str | None) -> None:
    """Draw PIPELINE."""
    from pypeline.cli.opening import read_config
    from pypeline.graph.drawing import FORMATS

    plan = read_config(config).plan(pipeline)
    drawing = FORMATS[form](plan.dag, title=pipeline, notes=_notes(plan))
    if output is None:
        click.echo(drawing, nl=False)
    else:
        _write(output, drawing)


def _write(path: str, drawing: str) -> None:
    from pathlib import Path

    try:
        Path(path).write_text(drawing, encoding="utf-8")
    except OSError as error:
        raise click.BadParameter(
            f"{path} cannot be written: {error.strerror}", param_hint="--output"
        ) from error


def _notes(plan: Plan) -> dict[str, str]:
    """A few words beside the nodes that are not plain."""
    noted = {step.name: _note(plan, step) for step in plan.steps}
    return {name: note for name, note in noted.items() if note}


def _note(plan: Plan, step: Step) -> str:
    from pypeline.runs.rules import TriggerRule

    parts = []
    if step.listing is not None:
        parts.append(step.listing.label)
    if step.for_each is not None:
        batches = f" in batches of {step.batch_size}" if step.batch_size > 1 else ""
        parts.append(f"for each of {plan.dag.names[step.for_each]}{batches}")
    if step.rule is not TriggerRule.ALL_SUCCESS:
        parts.append(step.rule.value)
    return ", ".join(parts)
