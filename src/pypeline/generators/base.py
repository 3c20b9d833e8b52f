"""What every key generator does: list files, as a list or as a stream."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Self

from pypeline.errors import InvalidInput
from pypeline.generators.selection import Selection

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType


class KeyGenerator(ABC):
    """
    Lists the files of a place: a bucket, or a folder.

    A file's key says where it is beneath its place, with ``/`` between the names. Files come in key order,
    the byte order of the keys in UTF-8: ``a.txt`` before ``a/b.txt`` before ``a0.txt``. The same tree is
    listed alike wherever it lies. One generator may serve many listings; close it at the end, or use it as
    a context manager.
    """

    def list_files(  # noqa: PLR0913 - the options of a listing
        self,
        place: str | os.PathLike[str],
        /,
        prefix: str = "",
        *,
        offset: int | None = None,
        limit: int | None = None,
        size_limit: int | None = None,
        return_full_path: bool = True,
        skip_common_hidden: bool = True,
        recursive: bool = False,
        pattern: str | None = None,
    ) -> list[str]:
        """
        The files of ``place`` whose keys begin with ``prefix``, in key order.

        - ``prefix`` is the beginning of a key, as in S3: ``docs/`` lists the folder ``docs``, ``docs/2026-``
          its files whose names begin so. Without its slash ``docs`` is the beginning of a name.
        - ``recursive`` lists the folders beneath, too; else a listing is one folder deep.
        - ``pattern`` is a glob (``*``, ``?``, ``[a-z]``) that the whole name of a file fits, case and all.
        - ``skip_common_hidden`` leaves out what is called ``.DS_Store``, ``.git``, ``Icon`` or ``.Dropbox``,
          or lies beneath such a folder; a folder that the prefix names is listed.
        - ``size_limit`` leaves out files of more bytes.
        - ``offset`` leaves out so many of the files that are left then, ``limit`` is the most to list.
        - ``return_full_path`` puts the place and a slash before each key: the bucket, or the folder as it
          was given. Without it a file is its key, which has the prefix in it.

        A folder is no file, nor is the empty object that stands for one in a bucket. An empty folder is an
        empty list. Raises PlaceNotFound, AccessRefused or StorageUnavailable (all of them ListingFailed),
        and InvalidInput for arguments that cannot be meant.
        """
        return list(
            self.iter_files(
                place,
                prefix,
                offset=offset,
                limit=limit,
                size_limit=size_limit,
                return_full_path=return_full_path,
                skip_common_hidden=skip_common_hidden,
                recursive=recursive,
                pattern=pattern,
            )
        )

    def iter_files(  # noqa: PLR0913 - as above
        self,
        place: str | os.PathLike[str],
        /,
        prefix: str = "",
        *,
        offset: int | None = None,
        limit: int | None = None,
        size_limit: int | None = None,
        return_full_path: bool = True,
        skip_common_hidden: bool = True,
        recursive: bool = False,
        pattern: str | None = None,
    ) -> Iterator[str]:
        """
        Stream what `list_files` lists, without holding it.

        Nothing is asked of the storage before the first file is. What goes wrong there is raised when the
        stream gets there; arguments are checked at once.
        """
        selection = Selection(offset, limit, size_limit, skip_common_hidden, recursive, pattern)
        where = _name_of(place)
        if not isinstance(prefix, str):
            raise InvalidInput(f"prefix={prefix!r}: give the beginning of the keys, '' for all of them")
        keys = selection.window(self.iter_keys(where, prefix, selection))
        if not return_full_path:
            return keys
        start = os.path.join(where, "")  # noqa: PTH118 - a path would change how the place is written
        return (start + key for key in keys)

    @abstractmethod
    def iter_keys(self, place: str, prefix: str, selection: Selection) -> Iterator[str]:
        """The keys of the files wanted, in key order. The offset and the limit are the caller's business."""

    def close(self) -> None:  # noqa: B027 - a folder has nothing to close
        """Let go of connections. A later listing opens new ones."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _name_of(place: str | os.PathLike[str]) -> str:
    name = os.fspath(place)
    if not isinstance(name, str) or not name or "\0" in name:
        raise InvalidInput(f"{name!r}: give the name of a bucket or the path of a folder")
    return name
