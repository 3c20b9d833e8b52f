"""A host whose clock is off: what Python's programs ask for the time of day is answered wrongly."""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

_REAL = dt.datetime
_time, _time_ns = time.time, time.time_ns
_offset = 0.0


class _Kind(type):
    """Values of the real class, which C code makes, count as ours."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _REAL)


class _Shifted(_REAL, metaclass=_Kind):
    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> Any:
        return _REAL.fromtimestamp(time.time(), tz)

    @classmethod
    def utcnow(cls) -> Any:
        return cls.now(dt.UTC).replace(tzinfo=None)

    @classmethod
    def today(cls) -> Any:
        return cls.now()


def set_forward(seconds: float) -> None:
    """Let this process's clock be so many seconds ahead; the monotonic clock is right."""
    time.time = lambda: _time() + seconds
    time.time_ns = lambda: _time_ns() + int(seconds * 10**9)
    dt.datetime = _Shifted  # type: ignore[misc]
