"""A run that goes through the broker: workers do it, this process starts and watches it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from pypeline.cli.failures import ExitCode
from pypeline.cli.following import Follower
from pypeline.cli.interrupts import Left, interrupts
from pypeline.cli.output import console_for, print_json
from pypeline.cli.progress import view_for
from pypeline.cli.report import print_report, say_why
from pypeline.cli.tables import run_line

if TYPE_CHECKING:
    from pypeline.cli.progress import View
    from pypeline.cli.wishes import Run, Wishes

ACCEPTED = "accepted; the broker does not answer, a worker will start it once it does"
_AFTER_LEAVING = "the workers go on cancelling it"


def run_there(run: Run, wishes: Wishes) -> ExitCode:
    """Begin the run, wait for its end unless that is not wanted, print what came of it."""
    view = view_for(console_for(sys.stderr), quiet=wishes.as_json)
    if wishes.no_wait:
        run_id, code = _begin(run, view), ExitCode.DONE
    else:
        run_id, code = _follow(run, wishes, view)
    if wishes.as_json:
        print_json(run.system.application.document(run_id))
    elif wishes.no_wait:
        _print_accepted(run, run_id)
    else:
        print_report(run.system, run_id, console_for(sys.stdout))
    say_why(run.system, run_id, code, wishes)
    return code


def _begin(run: Run, view: View) -> str:
    run_id = run.begin()
    if run.system.outbox.problem is not None:
        view.say(f"run {run_id}: {ACCEPTED}")
    return run_id


def _follow(run: Run, wishes: Wishes, view: View) -> tuple[str, ExitCode]:
    run_id = None
    try:
        with interrupts() as heard:
            run_id = _begin(run, view)
            view.begin(run_id, run.plan.pipeline_id)
            follower = Follower(run.system, run_id, view, heard, _AFTER_LEAVING, wishes.timeout)
            return run_id, follower.follow()
    except Left as left:
        if run_id is not None:
            click.echo(
                f"Left run {run_id} to the workers; `pypeline show {run_id} --watch` shows it.", err=True
            )
        raise click.exceptions.Exit(left.code) from None


def _print_accepted(run: Run, run_id: str) -> None:
    console = console_for(sys.stdout)
    console.print(run_line(run.system.application.run(run_id), console), soft_wrap=True)
