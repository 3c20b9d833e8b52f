"""The command itself and what it consists of."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from pypeline import __version__
from pypeline.cli.group import CommandGroup, lazy
from pypeline.cli.spelling import print_anything

_COMMANDS = {
    "validate": "Find every fault of the configuration.",
    "graph": "Draw a pipeline.",
    "run": "Run a pipeline and show its progress.",
    "runs": "List runs, newest first.",
    "show": "Show a run, its nodes, results and errors.",
    "cancel": "End a run.",
    "retry": "Do again what did not succeed in a run.",
    "worker": "Run handlers: a Celery worker on the queues of its service.",
    "beat": "Start what is due: the scheduler.",
    "web": "Serve the API over HTTP, under gunicorn.",
    "dev": "Worker, scheduler and API in one process, without a server.",
    "schedules": "List, make, change, switch and try out schedules.",
    "doctor": "Check configuration, database, broker, queues and workers.",
    "db": "Create, upgrade and inspect the database.",
    "schema": "Print the JSON Schema of sermos.yaml.",
    "completion": "Print the script that completes commands in a shell.",
}
"""The help of each command, known without its module."""


@click.group(
    cls=CommandGroup,
    commands=lazy("pypeline.cli.commands", _COMMANDS),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, message="pypeline %(version)s")
@click.option(
    "--traceback",
    is_flag=True,
    envvar="PYPELINE_TRACEBACK",
    help="Show where an error came from; also PYPELINE_TRACEBACK=1.",
)
@click.pass_context
def main(context: click.Context, *, traceback: bool) -> None:
    """Durable DAG pipelines and schedules on Celery, declared in one YAML file."""
    context.obj = {"traceback": traceback}
    # A stream that the caller closed is None; what would go there goes nowhere.
    sys.stdout = sys.stdout or Path(os.devnull).open("w")  # noqa: SIM115 - open until the process ends
    sys.stderr = sys.stderr or Path(os.devnull).open("w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        print_anything(stream)
