"""Who does a run: this process, or the workers of the broker where one is set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pypeline.cli.running import run_here
from pypeline.cli.sending import run_there

if TYPE_CHECKING:
    from pypeline.cli.failures import ExitCode
    from pypeline.cli.wishes import Run, Wishes


def do(run: Run, wishes: Wishes) -> ExitCode:
    """Begin the run, wait for its end if that is wanted, print what came of it; answers the exit code."""
    return run_here(run, wishes) if run.settings.embedded else run_there(run, wishes)
