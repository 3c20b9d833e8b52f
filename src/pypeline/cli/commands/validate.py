"""``pypeline validate``."""
# ruff: noqa: PLC0415 - help needs none of these imports

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import click

from pypeline.cli.options import config_option, json_option

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pypeline.config import Config, Finding


@click.command("validate")
@config_option
@json_option
@click.pass_context
def command(context: click.Context, config: str | None, *, as_json: bool) -> None:
    """
    Find every fault of the configuration; handlers are imported and checked too.

    Each is a line: file:line:column: path: what is wrong, what to do. Exit code 2 if there is any.
    """
    from pypeline.cli.output import only_document

    # Modules of handlers may print while they are imported.
    if as_json:
        with only_document() as write:
            checked = _check(config)
            write(checked.document())
    else:
        with redirect_stdout(sys.stderr):
            checked = _check(config)
        _print(checked)
    context.exit(2 if checked.findings else 0)


@dataclass(frozen=True)
class _Checked:
    findings: Sequence[Finding]
    warnings: Sequence[Finding] = ()
    counts: Mapping[str, int] | None = None

    def document(self) -> dict[str, Any]:
        return {
            "ok": not self.findings,
            "counts": self.counts,
            "findings": [asdict(finding) for finding in self.findings],
            "warnings": [asdict(finding) for finding in self.warnings],
        }


def _check(path: str | None) -> _Checked:
    from pypeline.cli.opening import read_config
    from pypeline.errors import InvalidConfiguration

    try:
        config = read_config(path, import_handlers=True)
    except InvalidConfiguration as error:
        return _Checked(error.findings)
    return _Checked((), sorted(config.warnings), _counts(config))


def _counts(config: Config) -> dict[str, int]:
    return {
        "pipelines": len(config.pipelines),
        "nodes": sum(len(config.plan(pipeline).dag) for pipeline in config.pipelines),
        "services": len(config.services),
        "handlers": len(config.handlers()),
        "schedules": len(config.scheduled_tasks),
    }


def _print(checked: _Checked) -> None:
    from pypeline.cli.words import counted

    for warning in checked.warnings:
        click.echo(f"warning: {warning}", err=True)
    for finding in checked.findings:
        click.echo(str(finding))
    if checked.findings:
        click.echo(f"error: {counted(len(checked.findings), 'fault')}", err=True)
    elif checked.counts is not None:
        click.echo("ok: " + ", ".join(counted(number, name[:-1]) for name, number in checked.counts.items()))
