"""How large and how patient the suite is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Form:
    """
    One size of the suite. Durations are in seconds.

    ``sets``: how often each shape is run under a fault. ``outage``: how long a server or a way to it is
    away. ``pause``: how long a handler takes. ``grace``: `PYPELINE_SHUTDOWN_GRACE`.
    """

    name: str
    lease: float
    outage: float
    sets: int
    pause: float
    grace: float

    @property
    def bound(self) -> float:
        """What recovery may take."""
        return self.lease + 2


SHORT = Form("short", lease=4, outage=7, sets=1, pause=0.3, grace=2)
LONG = Form("long", lease=30, outage=60, sets=4, pause=0.3, grace=5)

CHILD_BOUND = 5.0
"""What recovery of a killed child may take, whatever the lease."""

SLACK = 2.0
"""What a loaded machine may add before a test fails; the table prints what it really took."""
