"""What a run inside this process has published, and leaves to be done when it has ended itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pypeline.cli.outages import Outages
from pypeline.cli.pace import Pace

if TYPE_CHECKING:
    from pypeline.bootstrap import System
    from pypeline.cli.interrupts import Interrupts
    from pypeline.cli.progress import View
    from pypeline.tasks.workers.embedded import EmbeddedWorker

_RAREST = 0.1  # seconds between two looks
_SILENT = 0.3
"""Seconds before it is told: the worker is at the run's own last message for a moment."""

_WAITS = "Waits for the tasks that it published; Ctrl-C cancels them."
_CANCELS = "Waits for the published tasks that still run; Ctrl-C again leaves at once."


@dataclass
class Aftermath:
    """The published tasks of this process: nobody else can do them."""

    system: System
    worker: EmbeddedWorker
    view: View
    heard: Interrupts
    run_id: str

    def settle(self, seconds: float | None) -> None:
        """
        Wait until they are done. After so many seconds, or a Ctrl-C, they are cancelled.

        A second Ctrl-C raises `Left`.
        """
        pace = Pace(_RAREST, rarest=_RAREST)
        outages = Outages(self.view, self.run_id)
        told = cancelled = False
        while outages.survive(self._is_left, default=True):
            if pace.passed >= (float("inf") if seconds is None else seconds):
                self._give_up()
                return
            if self.heard.asked and not cancelled:
                cancelled = True
                self._cancel()
            if not told and (cancelled or pace.passed >= _SILENT):
                told = True
                self.view.say(_CANCELS if cancelled else _WAITS)
            self.heard.pause(pace.pause)

    def _is_left(self) -> bool:
        return not self.worker.is_idle or bool(self.system.application.unfinished(limit=1))

    def _give_up(self) -> None:
        if self.system.application.unfinished(limit=1):
            self.view.say("Cancelled the published tasks that did not end in time.")
        # What is running is given back, and waits: then it can be ended.
        self.worker.stop(0)
        self._cancel()

    def _cancel(self) -> None:
        application = self.system.application
        last: str | None = None
        while page := application.unfinished(after=last):
            for run_id in page:
                application.cancel(run_id)
            last = page[-1]
