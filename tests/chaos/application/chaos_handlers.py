"""The handlers of the suite's pipelines: each takes the payload's ``pause``, and is written down."""

from __future__ import annotations

import ctypes
import math
import time
from typing import Any

from chaos_ledger import written_down

import pypeline


def add(event: Any) -> int:
    """One more than the sum of what stands before this node."""
    with written_down(event):
        time.sleep(event["pause"])
        return 1 + sum(_flat(list(event.upstream.values())))


def spread(event: Any) -> list[int]:
    """A list to be mapped over."""
    with written_down(event):
        time.sleep(event["pause"])
        return list(range(6))


def double(event: Any) -> int:
    """Twice the item."""
    with written_down(event):
        time.sleep(event["pause"])
        return 2 * event["item"]


def flaky(event: Any) -> int:
    """Fails at the first attempt, and adds at the next."""
    with written_down(event):
        time.sleep(event["pause"])
        if event["attempt"] == 1:
            raise RuntimeError("the first attempt always fails")
        return 1 + sum(_flat(list(event.upstream.values())))


def broken(event: Any) -> None:
    """Fails for good."""
    with written_down(event):
        time.sleep(event["pause"])
        raise pypeline.Fail("this never works")


def endless(event: Any) -> int:
    """Lasts for minutes at the first attempt, and adds at once at the next."""
    with written_down(event):
        time.sleep(600 if event["attempt"] == 1 else 0)
        return 1 + sum(_flat(list(event.upstream.values())))


def greedy(event: Any) -> int:
    """Holds the interpreter's lock for the whole pause: no other thread of its process runs meanwhile."""
    with written_down(event):
        ctypes.PyDLL(None).sleep(math.ceil(event["pause"]))
        return 1


def _flat(values: list[Any]) -> list[int]:
    """The numbers among results, items of ``forEach`` nodes included; a failed node counts nothing."""
    found: list[int] = []
    for value in values:
        if isinstance(value, int):
            found.append(value)
        elif value is not None:
            found.extend(item for item in value if item is not None)
    return found
