"""
How many nodes have run: each appends one byte to a file.

That costs a microsecond and no server, and is exact across processes. The tasks of every system do it, so
that it weighs the same on all.
"""

from __future__ import annotations

import os
import time
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

VARIABLE = "BENCHMARK_TALLY"
"""Names the file to the tasks of a worker."""

_PAUSE = 0.001


def count_one() -> None:
    """Count the node that calls this."""
    os.write(_file(), b".")


class Tally:
    """The reader's side of a file that nodes are counted in."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.touch()

    @property
    def number(self) -> int:
        """How many nodes have run since the file was made."""
        return self._path.stat().st_size

    def wait_for(self, number: int, *, until: float, check: Callable[[], object]) -> bool:
        """
        Wait until so many have run; False where they have not by the monotonic time ``until``.

        ``check`` is called now and then, to raise where nothing more will come.
        """
        looks = 0
        while self.number < number:
            if time.monotonic() > until:
                return False
            looks += 1
            if not looks % 200:
                check()
            time.sleep(_PAUSE)
        return True


@cache
def _file() -> int:
    return os.open(os.environ[VARIABLE], os.O_WRONLY | os.O_APPEND)
