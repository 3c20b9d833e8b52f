"""The dead letters: what failed lately, alike failures in one group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pypeline.application.insights.signatures import signature_of
from pypeline.store.timestamps import time_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from pypeline.application.insights.signatures import Signature
    from pypeline.application.insights.sources import Sources
    from pypeline.store.insights.records import FailureRecord

WEEK = 7 * 86_400.0
"""How far back failures are looked for, in seconds."""

LIMIT = 10_000
"""How many failures are grouped: the newest."""

_SAMPLES = 10
_SLOTS = 28


def failures_document(
    sources: Sources, *, seconds: float, limit: int, pipeline_id: str | None
) -> dict[str, Any]:
    """
    The groups, the one that failed last first; ``truncated`` says that older failures are not in them.

    The ``slots`` of a group count its failures over the window, in 28 equal parts, the oldest first.
    """
    now = sources.store.clock()
    found = sources.store.insights.failures(seconds=seconds, limit=limit, pipeline_id=pipeline_id)
    return {
        "now": time_text(now),
        "window_seconds": seconds,
        "failures": len(found),
        "truncated": len(found) == limit,
        "groups": [
            {**_group(signature, failures), "slots": _slots(failures, now, seconds)}
            for signature, failures in _grouped(found)
        ],
    }


def _grouped(failures: Iterable[FailureRecord]) -> Iterable[tuple[Signature, list[FailureRecord]]]:
    groups: dict[Signature, list[FailureRecord]] = {}
    for failure in failures:
        groups.setdefault(signature_of(failure), []).append(failure)
    return groups.items()


def _group(signature: Signature, failures: Sequence[FailureRecord]) -> dict[str, Any]:
    """``failures`` stand newest first."""
    return {
        "signature": signature.key,
        **signature._asdict(),
        "count": len(failures),
        "runs": len({failure.run_id for failure in failures}),
        "first_at": time_text(failures[-1].failed_at),
        "last_at": time_text(failures[0].failed_at),
        "samples": [_sample(failure) for failure in failures[:_SAMPLES]],
    }


def _slots(failures: Iterable[FailureRecord], now: datetime, seconds: float) -> list[int]:
    found = [0] * _SLOTS
    for failure in failures:
        age = (now - failure.failed_at).total_seconds()
        # One that failed while this was asked belongs to the last.
        found[max(0, _SLOTS - 1 - max(0, int(age / seconds * _SLOTS)))] += 1
    return found


def _sample(failure: FailureRecord) -> dict[str, Any]:
    return {
        "execution_id": failure.run_id,
        "node": failure.name,
        "index": failure.item,
        "message": failure.message,
        "failed_at": time_text(failure.failed_at),
    }
