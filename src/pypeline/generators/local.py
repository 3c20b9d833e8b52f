"""Files of folders on this machine."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pypeline.errors import AccessRefused, InvalidInput, ListingFailed, PlaceNotFound
from pypeline.generators.base import KeyGenerator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pypeline.generators.selection import Selection

_DOTS = frozenset({"", ".", ".."})


class LocalKeyGenerator(KeyGenerator):
    """
    Lists files of a folder of this machine, in the order in which S3 would list the same tree.

    A folder tells its names in no order, so the names of one folder, and of those above it, are held at a
    time: about 60 bytes and the name each, for the names alone that the selection wants. A link to a file
    is a file, with the size of what it leads to; a link to a folder is not followed by ``recursive``, and
    one that leads nowhere is no file. What is deleted meanwhile is left out. A prefix stays beneath the
    folder: ``..`` is refused. PlaceNotFound is raised for a missing folder of the prefix as well.
    """

    def iter_keys(self, place: str, prefix: str, selection: Selection) -> Iterator[str]:
        """The keys of the files wanted, folder by folder."""
        folder, beginning = _divide(prefix)
        return _walk(place, folder, beginning, selection)


def _divide(prefix: str) -> tuple[str, str]:
    """The folder of a prefix, with its slash unless it is none, and how the names in it are to begin."""
    cut = prefix.rfind("/") + 1
    folder, beginning = prefix[:cut], prefix[cut:]
    if "\0" in prefix or (folder and not _DOTS.isdisjoint(folder[:-1].split("/"))):
        raise InvalidInput(
            f"prefix {prefix!r}: give the beginning of a key, such as 'docs/2026/', without '.', '..', "
            "empty names or a slash in front"
        )
    return folder, beginning


def _walk(place: str, folder: str, beginning: str, selection: Selection) -> Iterator[str]:
    # A stack of our own: folders may lie deeper than Python's calls do.
    pending = [(folder, _names(place, folder, beginning, selection))]
    while pending:
        base, names = pending[-1]
        if not names:
            pending.pop()
            continue
        key = base + os.fsdecode(names.pop())
        if key.endswith("/"):
            pending.append((key, _names_if_there(place, key, selection)))
        elif selection.size_limit is None or _is_small(_path(place, key), selection):
            yield key


def _names_if_there(place: str, folder: str, selection: Selection) -> list[bytes]:
    """The names of a folder that was there a moment ago."""
    try:
        return _names(place, folder, "", selection)
    except PlaceNotFound:
        return []


def _names(place: str, folder: str, beginning: str, selection: Selection) -> list[bytes]:
    """What is wanted of one folder, last first; a folder's name has the slash that it has in keys."""
    path = _path(place, folder)
    with _explained(path), os.scandir(path) as entries:
        found = [
            os.fsencode(name)
            for entry in entries
            if entry.name.startswith(beginning) and (name := _name_in_key(entry, selection))
        ]
    # The slash sorts a folder where its files belong: a.txt, a/…, a0.txt.
    found.sort(reverse=True)
    return found


def _name_in_key(entry: os.DirEntry[str], selection: Selection) -> str:
    """How keys have a file or folder that is wanted, else nothing."""
    if entry.is_dir(follow_symlinks=False):
        return f"{entry.name}/" if selection.enters(entry.name) else ""
    return entry.name if selection.takes(entry.name) and _is_file(entry) else ""


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError as error:
        if error.errno == errno.ELOOP:  # links that lead to each other, and to no file
            return False
        raise


def _is_small(path: str, selection: Selection) -> bool:
    try:
        with _explained(path):
            return selection.takes_size(os.stat(path).st_size)  # noqa: PTH116
    except PlaceNotFound:
        return False


def _path(place: str, key: str) -> str:
    return os.path.join(place, key) if key else place  # noqa: PTH118 - pathlib takes many times as long


@contextmanager
def _explained(path: str) -> Iterator[None]:
    """Turn what the system says of a path into what to do."""
    try:
        yield
    except FileNotFoundError as error:
        raise PlaceNotFound(path, "there is no such folder: check the path, or create it") from error
    except NotADirectoryError as error:
        raise PlaceNotFound(path, "this is no folder: give the folder that the file is in") from error
    except PermissionError as error:
        problem = "this user may not read it: give the user the right to read and enter the folder"
        raise AccessRefused(error.filename or path, problem) from error
    except OSError as error:
        problem = f"{error.strerror or error}: see that the folder can be listed by other programs"
        raise ListingFailed(error.filename or path, problem) from error
