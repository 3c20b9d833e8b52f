"""Which files a listing holds: the options that every kind of storage takes, and their rules."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from pypeline.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# A folder's icon is "Icon" with a carriage return on a Mac; copied elsewhere it often loses that.
COMMON_HIDDEN = frozenset({".DS_Store", ".git", "Icon", "Icon\r", ".Dropbox"})
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Selection:
    """
    What is asked of a listing; `KeyGenerator.list_files` says what each option means.

    A path is what stands in a key behind the folder of the prefix. Raises InvalidInput for options that
    cannot be meant.
    """

    offset: int | None = None
    limit: int | None = None
    size_limit: int | None = None
    skip_common_hidden: bool = True
    recursive: bool = False
    pattern: str | None = None

    def __post_init__(self) -> None:
        for name in ("offset", "limit", "size_limit"):
            _check_count(name, getattr(self, name))
        if self.pattern is not None:
            _check_pattern(self.pattern)

    def takes(self, path: str) -> bool:
        """Whether the names of a path are wanted: nothing hidden in it, and a file that the pattern fits."""
        names = path.split("/")
        if self.skip_common_hidden and not COMMON_HIDDEN.isdisjoint(names):
            return False
        return self.pattern is None or fnmatchcase(names[-1], self.pattern)

    def enters(self, folder: str) -> bool:
        """Whether the files beneath a folder of this name may be wanted."""
        return self.recursive and not (self.skip_common_hidden and folder in COMMON_HIDDEN)

    def takes_size(self, size: int) -> bool:
        """Whether a file of so many bytes is small enough."""
        return self.size_limit is None or size <= self.size_limit

    def window(self, chosen: Iterable[_T]) -> Iterator[_T]:
        """What is left of the files chosen behind the offset and within the limit."""
        start = min(self.offset or 0, sys.maxsize)
        end = None if self.limit is None else min(start + self.limit, sys.maxsize)
        return islice(chosen, start, end)


def _check_count(name: str, count: object) -> None:
    if count is None or (isinstance(count, int) and not isinstance(count, bool) and count >= 0):
        return
    raise InvalidInput(f"{name}={count!r}: give a whole number of at least 0, or None")


def _check_pattern(pattern: object) -> None:
    if not isinstance(pattern, str) or not pattern:
        raise InvalidInput(f"pattern={pattern!r}: give a glob such as '*.txt', or None")
    if "/" in pattern:
        raise InvalidInput(
            f"pattern={pattern!r}: a pattern is for the file's name, which has no '/'; "
            "name the folder in the prefix, and list with recursive=True what is beneath it"
        )
