"""What stands in the way of a schedule that is on: nobody who starts its runs, nobody who does them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pypeline.application.judging_schedules import SILENCE
from pypeline.application.listeners import is_alive
from pypeline.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pypeline.bootstrap import System
    from pypeline.config import Config, Settings
    from pypeline.store.schedules.records import ScheduleRecord


def remarks_on(
    record: ScheduleRecord, system: System, settings: Settings, config: Config | None
) -> Iterator[str]:
    """
    Sentences for stderr, with what to do; none where the schedule is off.

    Only with a configuration it is known what the schedule starts, and therefore which queues matter.
    """
    if not record.enabled:
        return
    if not any(beat.silent <= SILENCE for beat in system.store.schedules.beats()):
        start = "pypeline dev" if settings.embedded else "pypeline beat"
        yield f"no scheduler runs, so nothing starts what is due: start one with `{start}`"
    if not settings.embedded and config is not None:
        yield from _unread_queues(record, system)


def _unread_queues(record: ScheduleRecord, system: System) -> Iterator[str]:
    try:
        plan, _ = system.application.schedules.target_of(record.schedule)
    except InvalidInput as error:
        yield str(error)
        return
    workers = system.store.workers(system.engine.identity.broker)
    read = {queue for worker in workers if is_alive(worker, system.engine.lease) for queue in worker.queues}
    for queue in sorted({*plan.queues} - read):
        yield f"no worker listens on queue {queue}: start one with `pypeline worker`"
