"""What the benchmarks run: nothing, so that only the cost of running it is left."""

from __future__ import annotations

from typing import Any


def nothing(event: dict[str, Any]) -> None:
    """Do nothing with the event."""
    del event
