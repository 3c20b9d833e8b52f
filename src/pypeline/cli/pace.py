"""How often one looks at a run that goes on."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_FIRST = 0.005  # seconds
_SHARE = 20


class Pace:
    """
    Often at first, then ever more rarely: an end is noticed within a twentieth of the time that it took.

    Pictures are at least ``picture`` seconds apart, and take no more than a twentieth of the time either.
    """

    def __init__(
        self, picture: float, *, rarest: float = 1.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._picture = picture
        self._rarest = rarest
        self._clock = clock
        self._began = clock()
        self._next_picture = self._began

    @property
    def passed(self) -> float:
        """Seconds since it began."""
        return self._clock() - self._began

    @property
    def pause(self) -> float:
        """Seconds to wait before the state is asked for again."""
        return max(_FIRST, min(self.passed / _SHARE, self._rarest))

    @property
    def may_look(self) -> bool:
        """True if it is time for another picture."""
        return self._clock() >= self._next_picture

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Make a picture meanwhile: how long that takes decides when the next one may be made."""
        begun = self._clock()
        yield
        ended = self._clock()
        self._next_picture = ended + max(self._picture, _SHARE * (ended - begun))
