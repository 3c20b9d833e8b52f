"""A run inside this process: its worker is here too."""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from pypeline.cli.aftermath import Aftermath
from pypeline.cli.failures import ExitCode
from pypeline.cli.following import Follower
from pypeline.cli.interrupts import Left, interrupts
from pypeline.cli.logs import logs_on
from pypeline.cli.output import console_for, only_document
from pypeline.cli.progress import view_for
from pypeline.cli.report import print_report, say_why
from pypeline.config.required import require_handlers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    from pypeline.cli.progress import View
    from pypeline.cli.wishes import Run, Wishes

_CONCURRENCY = 4
_RAREST = 0.1  # seconds between two looks at a database that nobody else uses
_LEFT = "Left run {0} unfinished; `pypeline retry {0}` goes on with it."
_LEFT_PUBLISHED = (
    "Left published tasks unfinished; `pypeline runs` shows them, `pypeline retry` goes on with one."
)
_AFTER_LEAVING = "`pypeline retry {}` goes on later"


def run_here(run: Run, wishes: Wishes) -> ExitCode:
    """
    Begin the run, work on it until it ends, print what came of it.

    Raises InvalidInput, before anything begins, where a handler cannot be used.
    """
    progress = console_for(sys.stderr)
    if not wishes.as_json:
        check_handlers_of(run)
        run_id, code = work_on(run, wishes, progress)
        print_report(run.system, run_id, console_for(sys.stdout))
    else:
        with only_document() as write:
            check_handlers_of(run)
            run_id, code = work_on(run, wishes, progress)
            write(run.system.application.document(run_id))
    say_why(run.system, run_id, code, wishes)
    return code


def check_handlers_of(run: Run) -> None:
    """
    Import what the run's nodes call: nobody else could, and they would wait for ever.

    Raises InvalidInput.
    """
    config = run.config
    assert config is not None, "this process needs the handlers"  # noqa: S101 - the commands read it
    require_handlers(config, run.plan, run.settings.worker_name)


def work_on(run: Run, wishes: Wishes, progress: Console) -> tuple[str, ExitCode]:
    """Begin the run, work on it until it ends, show progress; answers its id and the exit code."""
    try:
        return _work_and_follow(run, wishes, view_for(progress, quiet=wishes.as_json), progress)
    except Left as left:  # before there was a run, or after its end
        raise click.exceptions.Exit(left.code) from None


def _work_and_follow(run: Run, wishes: Wishes, view: View, progress: Console) -> tuple[str, ExitCode]:
    with (
        interrupts() as heard,
        logs_on(progress, run.settings),
        run.system.worker(run.plan.queues, concurrency=wishes.concurrency or _CONCURRENCY) as worker,
    ):
        began = time.monotonic()
        run_id = run.begin()
        view.begin(run_id, run.plan.pipeline_id)
        with _leaving(_LEFT.format(run_id), worker.stop):
            code = Follower(
                run.system, run_id, view, heard, _AFTER_LEAVING.format(run_id), wishes.timeout, _RAREST
            ).follow()
            if code is ExitCode.TIMED_OUT:
                worker.stop(0)
                # What was running was given back, and waits: this ends it.
                run.system.application.cancel(run_id)
        left = None if wishes.timeout is None else wishes.timeout - (time.monotonic() - began)
        with _leaving(_LEFT_PUBLISHED, worker.stop):
            Aftermath(run.system, worker, view, heard, run_id).settle(left)
        return run_id, code


@contextmanager
def _leaving(said: str, stop: Callable[[float], int]) -> Iterator[None]:
    """Leave where the user asks for it, without an end of the run: another process may take it over."""
    try:
        yield
    except Left as left:
        click.echo(said, err=True)
        if left.code is ExitCode.TERMINATED:
            stop(0)
        # Handlers may still run, in threads that nothing can end but the end of the process.
        sys.stderr.flush()
        os._exit(left.code)
