"""What a schedule says: what it starts, and when."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pypeline.schedules.timing import Timing
    from pypeline.types import JsonObject


class TargetKind(StrEnum):
    """What a schedule starts: a registered handler, as a run of one node, or a pipeline."""

    TASK = "task"
    PIPELINE = "pipeline"


class Misfire(StrEnum):
    """What becomes of times that were due while nothing ran."""

    LATEST = "latest"
    ALL = "all"
    SKIP = "skip"


class Overlap(StrEnum):
    """What becomes of a time that is due while a run of the schedule is still going."""

    ALLOW = "allow"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Schedule:
    """
    What somebody wrote down. Nothing in it changes by being due.

    ``target`` is a dotted path or a pipeline's id. ``start_at`` and ``end_at`` are ISO 8601 times, both
    inclusive; without an offset they are local times of ``timezone``, an IANA name. ``misfire_grace`` and
    ``expires`` are in seconds of lateness. ``queue`` is that of a task; None is the default queue.
    """

    target_kind: TargetKind
    target: str
    timing: Timing
    timezone: str = "UTC"
    payload: JsonObject = field(default_factory=dict)
    queue: str | None = None
    misfire: Misfire = Misfire.LATEST
    misfire_grace: float = 60.0
    overlap: Overlap = Overlap.ALLOW
    start_at: str | None = None
    end_at: str | None = None
    expires: float | None = None
    name: str | None = None
