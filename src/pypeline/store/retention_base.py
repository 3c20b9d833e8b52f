"""
The port of retention: what is old, and how it goes.

As in `pypeline.store.base` each method is one transaction, and a short one where it changes anything. Runs
and schedules are those of one application. ``before`` is the cut: what ended earlier is old.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


FORGOTTEN = " pruned: "
"""How the ``app`` of a forgotten run begins. That of no application does: settings are stripped."""


@dataclass(frozen=True, slots=True)
class Old:
    """How much is old; ``nodes`` are those of the runs, items counted beside them."""

    runs: int = 0
    nodes: int = 0
    occurrences: int = 0


class RetentionStore(Protocol):
    """Forgets finished runs at once, and deletes what is left of them row by row. All may be repeated."""

    def old(self, before: datetime) -> Old:
        """What would go. Changes nothing."""

    def has_result_like(self, before: datetime, mark: str) -> bool:
        """True where an old or a forgotten run has a result whose text begins so. Changes nothing."""

    def forget_runs(self, before: datetime, *, limit: int) -> list[str]:
        """
        Take the oldest finished runs away from their application: nobody sees them any more. Durable.

        Their rows stay until `erase_runs`. One that somebody is just retrying is passed over.
        """

    def forgotten_runs(self, *, limit: int) -> list[str]:
        """Runs that were forgotten and are not erased yet, also by somebody who was interrupted."""

    def erase_runs(self, run_ids: Sequence[str], *, limit: int) -> list[str]:
        """Delete about that many rows of forgotten runs; answers the runs of which something is left."""

    def erase_occurrences(self, before: datetime, *, limit: int) -> int:
        """Delete that many old occurrences of schedules; answers how many it were."""

    def erase_definitions(self, before: datetime, *, limit: int) -> int:
        """Delete that many old definitions that no run of any application has; answers how many it were."""

    def erase_silent(self, before: datetime) -> int:
        """
        Delete the workers and schedulers that were silent since, and answer how many it were.

        With them goes what is known of brokers that nobody works on, and no open run is on.
        """
