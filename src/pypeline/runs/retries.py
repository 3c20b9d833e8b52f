"""Whether a failed attempt is followed by another, and when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

_MOST_DOUBLINGS = 60  # 2**60 s is past every cap, and a float still holds it exactly


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """``maxRetry`` (None: for ever), ``retryBackoff`` and ``retryBackoffMax`` in seconds, ``retryJitter``."""

    max_retry: int | None = 3
    backoff: float = 3.0
    backoff_max: float = 600.0
    jitter: bool = False

    def allows(self, tries: int) -> bool:
        """True if another attempt may follow ``tries`` charged ones."""
        return self.max_retry is None or tries <= self.max_retry

    def delay(self, tries: int, random: Random) -> float:
        """
        Seconds to wait after ``tries`` (at least 1) charged attempts.

        The backoff doubles with each try up to its cap. Jitter is "full jitter": uniform between zero and
        that delay (M. Brooker, Exponential Backoff And Jitter, AWS Architecture Blog, 2015).
        """
        doublings = min(tries - 1, _MOST_DOUBLINGS)
        delay = min(self.backoff * 2.0**doublings, self.backoff_max)
        return random.uniform(0, delay) if self.jitter else delay
