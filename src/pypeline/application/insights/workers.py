"""The workers, and what each of them does now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pypeline.application.judging_workers import worker_document
from pypeline.application.listeners import is_alive

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pypeline.application.facts import Facts


def workers_document(facts: Facts, busy: Mapping[str, int]) -> dict[str, Any]:
    """
    The workers of the application that were seen within a day; ``busy`` is how many attempts each runs.

    What a silent worker still holds counts as its own until another takes it up.
    """
    return {
        "workers": [
            worker_document(worker)
            | {"busy": busy.get(worker.worker_id, 0), "alive": is_alive(worker, facts.lease)}
            for worker in facts.database.workers
        ]
    }
