"""What the benchmarks run: nothing, so that only the cost of running it is left."""

from __future__ import annotations

from typing import Any

from tally import count_one


def nothing(event: dict[str, Any]) -> None:
    """Do nothing with the event."""
    del event


def counted(event: dict[str, Any]) -> None:
    """Do nothing but be counted."""
    del event
    count_one()
