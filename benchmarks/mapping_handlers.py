"""The handlers of the mapped pipeline: a list, a call for each element, and the sum of the answers."""

from __future__ import annotations

from typing import Any


def numbers(event: dict[str, Any]) -> list[int]:
    """The numbers below ``event["items"]``."""
    return list(range(event["items"]))


def successor(event: dict[str, Any]) -> int:
    """The number after its own."""
    number: int = event["item"]
    return number + 1


def total(event: Any) -> int:
    """The sum of what the items answered, read as a stream."""
    return sum(event.upstream["count"])
