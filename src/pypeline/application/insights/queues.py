"""The queues: what waits in each, and who takes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pypeline.application.insights.sources import alive_among
from pypeline.application.insights.words import seconds_number
from pypeline.application.judging import judge_queue, queue_names
from pypeline.store.records import QueueRecord

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pypeline.application.checks import Check
    from pypeline.application.facts import Facts


def queues_document(facts: Facts) -> dict[str, Any]:
    """Every queue that is sent to, read, or waited in."""
    known = {queue.name: queue for queue in facts.database.queues}
    read = {queue for worker in alive_among(facts) for queue in worker.queues}
    names = sorted(read.union(queue_names(facts)))
    return {"queues": [_queue(facts, known.get(name) or QueueRecord(name, 0, None, None)) for name in names]}


def judge_waiting(facts: Facts) -> Iterator[Check]:
    """What is to be said of each queue in which nodes wait."""
    return (judge_queue(facts, queue.name, queue) for queue in facts.database.queues if queue.queued)


def waiting_figures(facts: Facts) -> dict[str, Any]:
    """How many nodes wait for a worker, and the one that waits longest."""
    waiting = [queue for queue in facts.database.queues if queue.queued]
    oldest = max(waiting, key=lambda queue: queue.oldest or 0.0, default=None)
    return {
        "nodes": sum(queue.queued for queue in waiting),
        "oldest_seconds": None if oldest is None else seconds_number(oldest.oldest),
        "queue": None if oldest is None else oldest.name,
    }


def _queue(facts: Facts, queue: QueueRecord) -> dict[str, Any]:
    readers = [worker for worker in alive_among(facts) if queue.name in worker.queues]
    return {
        "name": queue.name,
        "waiting": queue.queued,
        "oldest_seconds": seconds_number(queue.oldest),
        "slots": sum(worker.concurrency for worker in readers),
        "workers": [worker.worker_id for worker in readers],
        "claimed_seconds_ago": seconds_number(queue.claimed),
    }
