"""Schedulers as processes of their own, and what they left in the database."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from contextlib import contextmanager
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from pypeline.application.schedules.wishes import ScheduleWish
from worker_shop import Worker, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pypeline.bootstrap import System
    from pypeline.store.schedules.records import OccurrenceRecord
    from worker_shop import Shop

PYPELINE_BEAT = ("pypeline.cli", "beat")
CELERY_BEAT = ("celery", "-A", "pypeline.celery", "beat", "-l", "INFO")
OFTEN = timedelta(microseconds=200_000)
EVERY = "200000 microseconds"


@contextmanager
def beat(shop: Shop, *command: str, ready: bool = True, **variables: str) -> Iterator[Worker]:
    """A scheduler of a shop, which gave a sign of life, while the context lasts; ended after that."""
    log = shop.folder / f"beat-{uuid.uuid4().hex[:4]}.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", *(command or CELERY_BEAT)],
            cwd=shop.folder,
            env={**os.environ, **shop.variables, **variables},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
        )
    found = Worker(process, log)
    try:
        if ready:
            wait_until(
                lambda: "schedules of the configuration: " in found.text() or process.poll() is not None,
                found.text,
            )
            assert process.poll() is None, found.text()
        yield found
    finally:
        process.terminate()
        process.wait(10)


def schedule(shop: Shop, system: System, name: str = "often", **wish: Any) -> str:
    """A schedule that starts a quick task five times a second, unless the wish says otherwise; its id."""
    wanted = {"every": EVERY, **wish} if not {"cron", "at"} & wish.keys() else wish
    if "pipeline" not in wanted:
        wanted = {"task": f"{shop.module}.one", **wanted}
    system.application.schedules.create(name, ScheduleWish(**wanted))
    return name


def history(system: System, name: str = "often") -> list[OccurrenceRecord]:
    """What was due so far, oldest first."""
    return list(reversed(system.application.schedules.history(name, limit=10_000)))


def until_fired(system: System, count: int, name: str = "often") -> list[OccurrenceRecord]:
    """Return once so many due times were settled from now on; answers all."""
    before = len(history(system, name))
    wait_until(
        lambda: len(history(system, name)) >= before + count,
        lambda: f"{len(history(system, name)) - before} of {count} were settled",
    )
    return history(system, name)


def missing(occurrences: Sequence[OccurrenceRecord], every: timedelta = OFTEN) -> list[str]:
    """Where two due times that follow each other are farther apart, or closer, than they should be."""
    return [
        f"{before.due_at} and {after.due_at}"
        for before, after in pairwise(occurrences)
        if after.due_at - before.due_at != every
    ]


def lateness(occurrences: Sequence[OccurrenceRecord]) -> list[float]:
    """How late each was settled, in seconds; without those that were due before a scheduler was there."""
    begun = occurrences[0].fired_at
    return [(one.fired_at - one.due_at).total_seconds() for one in occurrences if one.due_at > begun]


def beat_ids(system: System) -> list[str]:
    """The schedulers that the database knows."""
    return [record.beat_id for record in system.store.schedules.beats()]
