"""What stands in the database for a result that is kept elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

MARK = "@ref:"
"""How a stored reference begins. No result does: those are JSON."""

_UNITS = ((10**9, "GB"), (10**6, "MB"), (10**3, "KB"))


@dataclass(frozen=True, slots=True)
class Reference:
    """Where a result is kept: ``key`` is its place in the result store, ``size`` is in bytes."""

    size: int
    key: str

    @property
    def text(self) -> str:
        """As it is kept in the database, in place of a result's JSON text."""
        return f"{MARK}{self.size}:{self.key}"

    @classmethod
    def of(cls, text: str) -> Reference:
        """The reference that a stored text is; see `is_reference`."""
        size, _, key = text.removeprefix(MARK).partition(":")
        return cls(int(size), key)

    @property
    def amount(self) -> str:
        """``1.2 MB of JSON``, for people."""
        shown = next((f"{self.size / unit:.1f} {name}" for unit, name in _UNITS if self.size >= unit), None)
        return f"{shown or f'{self.size} bytes'} of JSON"

    def __str__(self) -> str:
        return f"{self.amount} in the result store: {self.key}"


def is_reference(text: str) -> bool:
    """True where a stored text is no result, but says where it is kept."""
    return text.startswith(MARK)
