"""What the documents of insights have in common: durations, counts, shares and what is usual."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from pypeline.runs.states import RunState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pypeline.store.insights.records import RunCounts

ENDED = (RunState.SUCCESS, RunState.FAILED, RunState.CANCELLED)


def seconds_number(seconds: float | None) -> float | None:
    """A duration in seconds, to the microsecond: all that the databases know."""
    return None if seconds is None else round(seconds, 6)


def ended_document(counts: RunCounts) -> dict[str, int]:
    """How many runs ended in each way."""
    return {state.value: counts.get(state, 0) for state in ENDED}


def success_share(counts: Mapping[RunState, int]) -> float | None:
    """Successes among those that succeeded or failed, 0 to 1: a cancel is no fault. None where none did."""
    success, failed = counts.get(RunState.SUCCESS, 0), counts.get(RunState.FAILED, 0)
    return round(success / (success + failed), 6) if success + failed else None


def usual_seconds(seconds: Iterable[float | None]) -> float | None:
    """The median of what is known; None where nothing is."""
    known = [value for value in seconds if value is not None]
    return seconds_number(median(known)) if known else None
