"""What is wrong with a configuration, where, and what to do about it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

Path: TypeAlias = tuple[str | int, ...]

_PLAIN = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """
    One fault at its place in a file. ``line`` and ``column`` count from 1.

    Findings sort by place.
    """

    file: str
    line: int
    column: int
    path: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        at = f"{self.path}: " if self.path else ""
        return f"{self.file}:{self.line}:{self.column}: {at}{self.problem}, {self.remedy}"


@dataclass(frozen=True, slots=True)
class Fault:
    """
    One fault at its path in the data, before its place in the file is looked up.

    ``at_key`` points at the key itself instead of its value.
    """

    path: Path
    problem: str
    remedy: str
    at_key: bool = False


class Hints:
    """
    "did you mean" for names, as long as there is time for it.

    Each costs a comparison with every known name, which a file of 10,000 faults must not pay for all of them.
    """

    def __init__(self, most_comparisons: int = 50_000) -> None:
        self._left = most_comparisons

    def of(self, word: str, known: Iterable[str], otherwise: str) -> str:
        """The remedy: the known name that is nearest to this word, or what else to do."""
        names = list(known)
        self._left -= len(names)
        close = get_close_matches(word, names, n=1) if self._left >= 0 else []
        return f"did you mean `{close[0]}`?" if close else otherwise


def show_path(path: Path) -> str:
    """The path as people write it: ``pipelines.demo.config`` or ``serviceConfig[0].name``."""
    shown = ""
    for step in path:
        if isinstance(step, int):
            shown += f"[{step}]"
        elif _PLAIN.fullmatch(step):
            shown += f".{step}" if shown else step
        else:
            shown += f'["{step}"]'
    return shown
