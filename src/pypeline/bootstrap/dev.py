"""A scheduler and a worker in one process, which need no server."""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

from pypeline import __version__
from pypeline.engine.scheduler import Scheduler
from pypeline.errors import NotPossible
from pypeline.runs.states import RunState
from pypeline.store.records import RunFilter
from pypeline.store.schedules.records import BroughtIn
from pypeline.tasks.scheduling.rounds import Desk, Rounds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pypeline.bootstrap.system import System
    from pypeline.runs.plan import Plan
    from pypeline.schedules.schedule import Schedule
    from pypeline.store.records import RunRecord
    from pypeline.tasks.workers.embedded import EmbeddedWorker
    from pypeline.types import JsonObject

_OPEN = frozenset({RunState.PENDING, RunState.RUNNING})
_STOP_TIMEOUT = 5.0
_PAGE = 100


@contextmanager
def scheduling(system: System, worker: EmbeddedWorker) -> Iterator[None]:
    """
    Start what is due for as long as it is entered, by ``worker``, from a thread of this process.

    The file's schedules are to be brought in before. A database that is away is waited for.
    """
    rounds = Rounds(partial(_desk, system, worker))
    ending = threading.Event()
    thread = threading.Thread(target=_keep, args=(rounds, ending), name="pypeline-scheduler", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join(_STOP_TIMEOUT)
        rounds.end()


def adopt_scheduled_runs(system: System, worker: EmbeddedWorker) -> list[str]:
    """Go on with the runs that schedules started in a process which is gone; answers their ids."""
    adopted = []
    for run in _unfinished(system):
        if run.trigger.startswith("schedule:") and system.application.is_orphan(run):
            worker.read(system.application.plan(run.run_id).queues)
            with suppress(NotPossible):  # another process was faster
                system.engine.take_over(run.run_id, owner=run.broker)
                adopted.append(run.run_id)
    return adopted


def _keep(rounds: Rounds, ending: threading.Event) -> None:
    while not ending.is_set():
        ending.wait(rounds.round())


def _desk(system: System, worker: EmbeddedWorker) -> Desk:
    schedules, beat_id = system.store.schedules, system.engine.identity.worker_id

    def target_of(schedule: Schedule) -> tuple[Plan, JsonObject]:
        plan, payload = system.application.schedules.target_of(schedule)
        # Users may name queues that nothing was sent to so far.
        worker.read(plan.queues)
        return plan, payload

    return Desk(
        tick=Scheduler(system.engine, target_of).tick,
        bring_in=BroughtIn,
        beat=partial(schedules.beat, beat_id, __version__),
        retire=partial(schedules.forget_beat, beat_id),
        close=lambda: None,
    )


def _unfinished(system: System) -> Iterator[RunRecord]:
    after = None
    while page := system.application.runs(RunFilter(states=_OPEN, limit=_PAGE, after=after)):
        yield from page
        after = page[-1].run_id
