"""Ctrl-C and SIGTERM while this process runs a pipeline."""

from __future__ import annotations

import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pypeline.cli.failures import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


_REACTION = 0.1  # seconds


class Left(Exception):  # noqa: N818 - it is no fault
    """The user leaves now; ``code`` is the exit code."""

    def __init__(self, code: ExitCode) -> None:
        self.code = code
        super().__init__("left")


class Interrupts:
    """Counts Ctrl-C: the first asks to cancel, the second raises `Left`, as SIGTERM does at once."""

    def __init__(self) -> None:
        self.asked = False
        self._left: Left | None = None

    def interrupt(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the signature of signal handlers
        """A Ctrl-C has come."""
        if self.asked:
            self._leave(ExitCode.INTERRUPTED)
        self.asked = True

    def terminate(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the signature of signal handlers
        """A SIGTERM has come."""
        self._leave(ExitCode.TERMINATED)

    def pause(self, seconds: float) -> None:
        """Wait, but no longer than to a tenth of a second behind the first Ctrl-C. Raises `Left` again."""
        if self._left is not None:
            # One that a signal raises inside a function of SQLite's is taken for the database's.
            raise self._left
        heard_before = self.asked
        end = time.monotonic() + seconds
        while self.asked == heard_before and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, _REACTION))

    def _leave(self, code: ExitCode) -> None:
        if self._left is None:
            self._left = Left(code)
            raise self._left


@contextmanager
def interrupts() -> Iterator[Interrupts]:
    """Receive Ctrl-C and SIGTERM while entered."""
    heard = Interrupts()
    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, heard.interrupt),
        signal.SIGTERM: signal.signal(signal.SIGTERM, heard.terminate),
    }
    try:
        yield heard
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
