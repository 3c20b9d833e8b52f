"""A run that goes on, from its start to its end or to the user's patience."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pypeline.cli.failures import ExitCode
from pypeline.cli.interrupts import Left
from pypeline.cli.looking import Looker
from pypeline.cli.outages import Outages
from pypeline.cli.pace import Pace
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
    """
    Shows a run that the user has started until it ends.

    ``timeout`` is in seconds, ``rarest`` the longest pause between two looks. ``after_leaving`` says what
    becomes of a cancelled run that is left.
    """

    system: System
    run_id: str
    view: View
    heard: Interrupts
    after_leaving: str
    timeout: float | None = None
    rarest: float = 1.0
    _cancelled: bool = field(default=False, init=False)

    def follow(self) -> ExitCode:
        """Wait for the run's end; answers the exit code. Ctrl-C cancels it; a second one raises `Left`."""
        pace = Pace(self.view.pause, rarest=self.rarest)
        outages = Outages(self.view, self.run_id)
        looker = Looker(self.system, self.run_id)
        with self.view:
            while not outages.survive(lambda: self._step(looker, pace), default=False):
                if pace.passed >= (self.timeout or float("inf")):
                    return self._time_out()
                self.heard.pause(self._patience(pace))
        return _code_of(self.system.application.run(self.run_id))

    def _step(self, looker: Looker, pace: Pace) -> bool:
        """True once the run has ended."""
        if self.system.application.state(self.run_id).is_terminal:
            return True
        if self.heard.asked and not self._cancelled:
            self._cancel(looker)
        if self.view.wants_more and pace.may_look:
            with pace.looking():
                self.view.show(looker.look(self.view.room))
        return False

    def _patience(self, pace: Pace) -> float:
        left = float("inf") if self.timeout is None else self.timeout - pace.passed
        return max(0.0, min(pace.pause, left))

    def _cancel(self, looker: Looker) -> None:
        self.system.application.cancel(self.run_id)
        self._cancelled = True
        running = looker.look().run.counts
        waiting = sum(number for state, number in running.items() if not state.is_terminal)
        if not waiting:
            return
        self.view.say(
            f"Cancelling: waits for {waiting:,} that still run. "
            f"Ctrl-C again leaves at once; {self.after_leaving}."
        )

    def _time_out(self) -> ExitCode:
        self.system.application.cancel(self.run_id)
        self.system.application.wait(self.run_id, timeout=_LAST_WAIT)
        return ExitCode.TIMED_OUT


def watch(system: System, run_id: str, view: View, heard: Interrupts) -> ExitCode:
    """Show a run of others until it ends, or until nobody works on it. Ctrl-C raises `Left`."""
    looker = Looker(system, run_id)
    pace = Pace(view.pause)
    outages = Outages(view, run_id)

    def step() -> ExitCode | None:
        if system.application.state(run_id).is_terminal:
            return _code_of(system.application.run(run_id))
        if pace.may_look:
            with pace.looking():
                return look()
        return None

    def look() -> ExitCode | None:
        if is_abandoned(system, system.application.run(run_id)):
            view.say(f"The process that ran it is gone; `pypeline retry {run_id}` takes it over.")
            return ExitCode.FAILED
        if view.wants_more:
            view.show(looker.look(view.room))
        return None

    with view:
        while (code := outages.survive(step, default=None)) is None:
            heard.pause(pace.pause)
            if heard.asked:
                raise Left(ExitCode.INTERRUPTED)
    return code


def _code_of(run: RunRecord) -> ExitCode:
    return ExitCode.DONE if run.state is RunState.SUCCESS else ExitCode.FAILED
