"""A run that goes on in this process, from its start to its end or to the user's patience."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pypeline.cli.failures import ExitCode
from pypeline.cli.looking import Looker
from pypeline.cli.report import is_abandoned
from pypeline.runs.states import RunState

if TYPE_CHECKING:
    from pypeline.bootstrap import System
    from pypeline.cli.interrupts import Interrupts
    from pypeline.cli.progress import View
    from pypeline.store.records import RunRecord

_LAST_WAIT = 1.0  # seconds that a run which timed out has to end, once it is cancelled


@dataclass
class Follower:
    """Shows a run of this process until it ends. ``timeout`` is in seconds."""

    system: System
    run_id: str
    view: View
    heard: Interrupts
    timeout: float | None = None
    _cancelled: bool = field(default=False, init=False)

    def follow(self) -> ExitCode:
        """Wait for the run's end; answers the exit code. Ctrl-C cancels it; a second one raises `Left`."""
        looker = Looker(self.system, self.run_id)
        give_up = None if self.timeout is None else time.monotonic() + self.timeout
        with self.view:
            self.view.show(looker.look(self.view.room))
            while not self._ends_within(self._pause(give_up)):
                if give_up is not None and time.monotonic() >= give_up:
                    return self._time_out()
                if self.heard.asked and not self._cancelled:
                    self._cancel(looker)
                self.view.show(looker.look(self.view.room))
        return self._code()

    def _pause(self, give_up: float | None) -> float:
        left = self.view.pause if give_up is None else give_up - time.monotonic()
        return max(0.0, min(self.view.pause, left))

    def _ends_within(self, seconds: float) -> bool:
        return self.system.application.wait(self.run_id, timeout=seconds).is_terminal

    def _cancel(self, looker: Looker) -> None:
        self._cancelled = True
        self.system.application.cancel(self.run_id)
        running = looker.look().run.counts
        waiting = sum(number for state, number in running.items() if not state.is_terminal)
        self.view.say(
            f"Cancelling: waits for {waiting:,} that still run. Ctrl-C again leaves at once; "
            f"`pypeline retry {self.run_id}` goes on later."
        )

    def _time_out(self) -> ExitCode:
        self.system.application.cancel(self.run_id)
        self._ends_within(_LAST_WAIT)
        return ExitCode.TIMED_OUT

    def _code(self) -> ExitCode:
        return _code_of(self.system.application.run(self.run_id))


def watch(system: System, run_id: str, view: View) -> ExitCode:
    """Show a run of another process until it ends, or until nobody works on it any more."""
    looker = Looker(system, run_id)
    with view:
        while not system.application.wait(run_id, timeout=view.pause).is_terminal:
            snapshot = looker.look(view.room)
            if is_abandoned(system, snapshot.run):
                view.say(f"The process that ran it is gone; `pypeline retry {run_id}` takes it over.")
                return ExitCode.FAILED
            view.show(snapshot)
    return _code_of(system.application.run(run_id))


def _code_of(run: RunRecord) -> ExitCode:
    return ExitCode.DONE if run.state is RunState.SUCCESS else ExitCode.FAILED
