"""One fault: the runs that it hits, what is asserted of them, and its row of the table."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from chaos.application import chaos_ledger
from chaos.checks import Evidence, check
from chaos.forms import SLACK
from chaos.history import Recovery, recovery
from chaos.shapes import MIXED
from chaos.table import Row
from chaos.workers import await_that

if TYPE_CHECKING:
    from collections.abc import Iterable

    from chaos.application.chaos_ledger import Entry
    from chaos.shapes import Shape
    from chaos.stage import Stage
    from chaos.workers import WorkerProcess

_AWAIT_BUSY = 30.0


class Trial:
    """Starts runs on a stage, lets a test do its worst, and judges what became of them."""

    def __init__(self, fault: str, stage: Stage, table: list[Row]) -> None:
        self.stage = stage
        self._fault = fault
        self._table = table
        self._shapes: dict[str, Shape] = {}

    def start(self, *shapes: Shape, sets: int | None = None, pause: float | None = None) -> list[str]:
        """Start runs of these shapes, or of all mixed ones, so many of each; answers their ids."""
        form = self.stage.form
        payload = {"pause": form.pause if pause is None else pause}
        started = {
            self.stage.application.invoke(shape.pipeline, payload, trigger="python"): shape
            for _ in range(form.sets if sets is None else sets)
            for shape in shapes or MIXED
        }
        self._shapes |= started
        return list(started)

    def entries(self) -> list[Entry]:
        """What the handlers of this trial's runs wrote so far."""
        return [entry for entry in chaos_ledger.read(self.stage.ledger) if entry.run in self._shapes]

    def running(self, worker: WorkerProcess | None = None) -> list[Entry]:
        """The attempts whose handlers began and have not ended, of this worker or of any."""
        pids = worker.children() if worker else None
        begun: dict[tuple[str, str, int | None, int], Entry] = {}
        for entry in self.entries():
            key = entry.run, entry.node, entry.item, entry.attempt
            if entry.ended:
                begun.pop(key, None)
            elif pids is None or entry.pid in pids:
                begun[key] = entry
        return list(begun.values())

    def until_busy(self, worker: WorkerProcess, count: int = 1) -> list[Entry]:
        """The attempts that this worker runs, as soon as there are so many."""
        await_that(lambda: len(self.running(worker)) >= count, f"{worker.name} is busy", timeout=_AWAIT_BUSY)
        return self.running(worker)

    def until_done(self, count: int) -> None:
        """Return once so many handlers have ended."""
        await_that(
            lambda: sum(entry.ended for entry in self.entries()) >= count,
            f"{count} handlers have ended",
            timeout=_AWAIT_BUSY,
        )

    def until_ended(self, runs: Iterable[str]) -> None:
        """Return once these runs have ended."""
        form = self.stage.form
        end = time.monotonic() + 30 + 3 * (form.lease + form.outage) + 10 * form.sets
        for run in runs:
            state = self.stage.application.wait(run, timeout=max(0.1, end - time.monotonic()))
            assert state.is_terminal, f"a run has not ended: {self.stage.application.document(run)}"

    def judge(self, *, since: float | None = None, bound: float | None = None) -> Evidence:
        """
        Wait for the end of every run, add the row, and assert what must hold.

        Recovery is measured from ``since``, in seconds since the epoch, and held against ``bound``, by
        default the lease and 2 s.
        """
        self.until_ended(self._shapes)
        evidence = self._evidence()
        took = recovery(evidence.moves, since) if since is not None else None
        limit = bound or self.stage.form.bound
        self._table.append(self._row(evidence, took, limit))
        check(evidence)
        assert took is None or took.seconds <= limit + SLACK, (
            f"recovery took {took.seconds:.1f} s from {since}, at last of {took.last}"
        )
        return evidence

    def _row(self, evidence: Evidence, took: Recovery | None, limit: float) -> Row:
        return Row(
            fault=self._fault,
            runs=len(self._shapes),
            nodes=len(evidence.moves),
            attempts=sum(evidence.begun.values()),
            duplicates=evidence.duplicates,
            recovery=took.seconds if took else None,
            bound=limit if took else None,
        )

    def _evidence(self) -> Evidence:
        return Evidence(
            self._shapes,
            {run: self.stage.application.document(run) for run in self._shapes},
            self.stage.history.moves(self._shapes),
            self.entries(),
        )
