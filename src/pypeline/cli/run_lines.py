"""The runs that this process starts and ends, a line each, while it goes on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.text import Text

from pypeline.cli import words
from pypeline.cli.marks import mark, word
from pypeline.cli.report import errors_of
from pypeline.cli.tables import SHORT_ID
from pypeline.runs.states import RunState
from pypeline.store.records import RunFilter

if TYPE_CHECKING:
    from rich.console import Console

    from pypeline.bootstrap import System
    from pypeline.store.records import RunRecord

_PAGE = 50


class RunLines:
    """
    Prints a line where a run of this process has begun, and where it has ended.

    ``began`` is a time before the first of them, by the database's clock.
    """

    def __init__(self, system: System, console: Console, began: datetime) -> None:
        self._system = system
        self._console = console
        self._newest = began
        self._going: dict[str, RunRecord] = {}

    @property
    def going(self) -> int:
        """How many have not ended."""
        return len(self._going)

    def follow(self, run_id: str) -> None:
        """Tell of the end of this one too, which began elsewhere."""
        self._going[run_id] = self._system.application.run(run_id)

    def look(self) -> None:
        """Print what has happened since the last look, in order."""
        for run in self._fresh():
            self._going[run.run_id] = run
            self._print(Text("▸", "bold"), run, Text("started"), run.created_at)
        for run_id in list(self._going):
            if self._system.application.state(run_id).is_terminal:
                del self._going[run_id]
                self._print_end(self._system.application.run(run_id))

    def _fresh(self) -> list[RunRecord]:
        """The runs of this process that are newer than those of the last look, oldest first."""
        ours, after = self._system.engine.identity.broker, None
        found: list[RunRecord] = []
        while page := self._system.application.runs(RunFilter(limit=_PAGE, after=after)):
            newer = [run for run in page if run.created_at > self._newest]
            found += [run for run in newer if run.broker == ours]
            if len(newer) < len(page):
                break
            after = page[-1].run_id
        self._newest = max((run.created_at for run in found), default=self._newest)
        return found[::-1]

    def _print_end(self, run: RunRecord) -> None:
        said = word(run.state)
        if run.started_at is not None:
            said = Text.assemble(said, f" in {words.took(run.started_at, run.finished_at)}")
        if run.state is RunState.FAILED:
            said.append(f": {self._why(run)}; pypeline show {run.run_id[:SHORT_ID]}")
        self._print(mark(run.state), run, said, run.finished_at or datetime.now(UTC))

    def _why(self, run: RunRecord) -> str:
        failed = errors_of(self._system, run.run_id)
        if run.error is not None or not failed:
            return run.error or "no error is known"
        name, error = failed[0]
        return f"{name}: {error.type}: {words.shortened(error.message, 120)}"

    def _print(self, sign: Text, run: RunRecord, said: Text, moment: datetime) -> None:
        line = Text.assemble(
            (f"{moment.astimezone():%H:%M:%S}", "dim"),
            "  ",
            sign,
            " ",
            (run.trigger.removeprefix("schedule:"), "bold"),
            "  ",
            said,
            (f"  run {run.run_id[:SHORT_ID]}", "dim"),
        )
        self._console.print(line, soft_wrap=True)
