"""How an attempt ended, as its worker reports it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class ErrorInfo:
    """An error as it is kept and shown: its type's name, what it said, where it came from."""

    type: str
    message: str
    traceback: str | None = None


@dataclass(frozen=True, slots=True)
class Succeeded:
    """
    The handler returned. ``result`` is its value as JSON text.

    Where the result is a list that a ``forEach`` node maps over, ``elements`` holds the JSON text of each
    element in its stead and ``result`` is None.
    """

    result: str | None
    elements: tuple[str, ...] | None = None
    log: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """
    The handler raised, timed out, returned what cannot be kept, or its worker was lost.

    ``final`` forbids another attempt; otherwise the node's retry policy decides.
    """

    error: ErrorInfo
    final: bool = False
    log: str = ""


@dataclass(frozen=True, slots=True)
class SkippedByHandler:
    """The handler raised ``Skip``."""

    reason: str
    log: str = ""


@dataclass(frozen=True, slots=True)
class Postponed:
    """The handler asked to be called in ``seconds``, or cannot run here now: uncharged."""

    seconds: float
    reason: str
    log: str = ""


Outcome: TypeAlias = Succeeded | Failed | SkippedByHandler | Postponed
