"""Text that is kept within bounds: what an attempt printed and logged, and what an error says."""

from __future__ import annotations

from threading import RLock

KEPT = 32 * 1024
_PIECE = 64 * 1024


def storable(text: str) -> str:
    """The text as any database holds it: lone surrogates and NUL are spelt out."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def shortened(text: str, *, limit: int) -> str:
    """The storable text, its middle left out where it is over ``limit`` bytes."""
    kept = Output(head=limit // 2, tail=limit - limit // 2)
    kept.write(text)
    return kept.text()


class Output:
    """
    The first ``head`` and the last ``tail`` bytes (UTF-8) of what is written, however much that is.

    Safe to use from several threads.
    """

    def __init__(self, *, head: int = KEPT, tail: int = KEPT) -> None:
        self._head_size = head
        self._tail_size = tail
        self._head = bytearray()
        self._tail = bytearray()
        self._written = 0
        # Re-entrant: a finalizer that prints may run in the middle of a write of its own thread.
        self._lock = RLock()

    def write(self, text: str) -> None:
        """Keep some text."""
        with self._lock:
            # In pieces: the text may be far larger than what is kept of it.
            for start in range(0, len(text), _PIECE):
                self._append(storable(text[start : start + _PIECE]).encode())

    def write_line(self, line: str) -> None:
        """Keep a line of its own: a line that was begun and not ended is ended first."""
        with self._lock:
            begun = not (self._tail or self._head or b"\n").endswith(b"\n")
            self.write(f"\n{line}\n" if begun else f"{line}\n")

    def text(self) -> str:
        """What is kept, with a line in the middle that says how many bytes were left out."""
        with self._lock:
            if self._written <= self._head_size + self._tail_size:
                return (self._head + self._tail).decode()
            # A cut may go through a character; its remains are left out as well.
            head = self._head.decode(errors="ignore")
            tail = self._tail[-self._tail_size :].decode(errors="ignore")
        left_out = self._written - len(head.encode()) - len(tail.encode())
        return f"{head}\n… {left_out:,} bytes left out …\n{tail}"

    def _append(self, piece: bytes) -> None:
        self._written += len(piece)
        room = self._head_size - len(self._head)
        self._head += piece[:room]
        self._tail += piece[room:]
        if len(self._tail) > 2 * self._tail_size:
            del self._tail[: -self._tail_size]
