"""The pipelines of the suite, and how a run of each ends whatever happens to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Shape:
    """``results`` are those of the nodes that succeed; ``others`` the states of those that do not."""

    pipeline: str
    edges: dict[str, tuple[str, ...]]
    results: dict[str, Any]
    state: str = "success"
    others: dict[str, str] | None = None

    @property
    def nodes(self) -> int:
        """How many nodes, items included."""
        items = sum(len(result) for result in self.results.values() if isinstance(result, tuple))
        return len(self.results) + len(self.others or {}) + items


_MIDDLE = ("f1", "f2", "f3", "f4", "f5", "f6")

CHAIN = Shape("chain", {"a": ("b",), "b": ("c",), "c": ("d",)}, {"a": 1, "b": 2, "c": 3, "d": 4})
FAN = Shape(
    "fan",
    {"root": _MIDDLE} | dict.fromkeys(_MIDDLE, ("join",)),
    {"root": 1, "join": 13} | dict.fromkeys(_MIDDLE, 2),
)
DIAMOND = Shape("diamond", {"a": ("b", "d"), "b": ("d",)}, {"a": 1, "b": 2, "d": 4})
MAPPED = Shape(
    "mapped",
    {"list": ("each",), "each": ("total",)},
    {"list": [0, 1, 2, 3, 4, 5], "each": (0, 2, 4, 6, 8, 10), "total": 31},
)
RETRIES = Shape("retries", {"a": ("b",), "b": ("c",)}, {"a": 1, "b": 2, "c": 3})
ALL_DONE = Shape(
    "all-done",
    {"a": ("b",), "b": ("c", "d")},
    {"a": 1, "d": 1},
    state="failed",
    others={"b": "failed", "c": "skipped"},
)
ENDLESS = Shape("endless", {"a": ("b",)}, {"a": 1, "b": 2})
GREEDY = Shape("greedy", {"a": ("b",)}, {"a": 1, "b": 2})

MIXED = (FAN, CHAIN, MAPPED, DIAMOND, RETRIES, ALL_DONE)
"""Every shape whose handlers take the payload's pause."""
