"""The store of large results: written once, read whole, removed by the run."""

from __future__ import annotations

import os
import re
import time
import uuid
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pypeline.errors import (
    InvalidSetting,
    MissingExtra,
    PypelineError,
    ResultGone,
    ResultStoreUnavailable,
)
from pypeline.results.reference import Reference, is_reference

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_VARIABLE = "PYPELINE_RESULT_STORE"
_PATIENCE = 5.0
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 1.0
_INSTALLED_TOGETHER = {"s3fs": "s3fs boto3"}
"""Alone it takes a botocore which is too old for the boto3 that is there."""

_ONE_SLASH = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/(?!/)")
"""How a URL begins that lacks a slash; one letter is the drive of a path."""


class ResultStore:
    """
    Objects in a folder, or under a URL that fsspec knows; a plain path is taken from ``folder``.

    Nothing is opened before it is needed. What fails is tried again for ``patience`` seconds, but for the
    errors of ``interrupts``, which end whoever uses the store. Safe to use from several threads.
    """

    def __init__(
        self,
        place: str,
        *,
        folder: Path | None = None,
        patience: float = _PATIENCE,
        interrupts: tuple[type[Exception], ...] = (),
    ) -> None:
        self._place = place
        self._url = place if _is_url(place) else _url_of(folder or Path(), place)
        self._patience = patience
        self._final: tuple[type[Exception], ...] = (FileNotFoundError, PypelineError, *interrupts)

    def check(self) -> None:
        """
        Raises InvalidSetting where nothing that is installed can reach such a place, or no other process.

        Reaches nothing.
        """
        _require_shared(self._place)
        protocol = self._url.partition("://")[0].partition("::")[0]
        try:
            _fsspec().get_filesystem_class(protocol)
        except (ImportError, ValueError) as error:
            raise _unusable(protocol, error) from error

    def put(self, key: str, text: str) -> Reference:
        """
        Keep a text under a key that nothing was kept under before; nobody sees it in part.

        Raises ResultStoreUnavailable.
        """
        content = text.encode()
        try:
            self._persist(key, lambda: self._write(self._path(key), content))
        except FileNotFoundError as error:  # a bucket that is not there
            raise ResultStoreUnavailable(key, error) from error
        return Reference(len(content), key)

    def get(self, reference: Reference) -> str:
        """The text that was put. Raises ResultGone and ResultStoreUnavailable."""
        key = reference.key
        try:
            content: bytes = self._persist(key, lambda: self._files.cat_file(self._path(key)))
        except FileNotFoundError:
            self._require_folder(key)
            raise ResultGone(key, "it is no longer there") from None
        if len(content) != reference.size:
            problem = f"it has {len(content):,} bytes, and {reference.size:,} were written"
            raise ResultGone(key, problem)
        return content.decode()

    def folders(self) -> frozenset[str] | None:
        """
        The first parts of all keys that are in use; None where the place is not there.

        Nothing was ever put then, or it is a share that is not mounted; a bucket is there without any object
        in it. Raises ResultStoreUnavailable.
        """
        what = "the list of its folders"
        try:
            names = self._persist(what, self._list)
        except FileNotFoundError:
            return frozenset() if self._persist(what, self._has_bucket) else None
        return frozenset(name.rstrip("/").rpartition("/")[2] for name in names)

    def remove(self, folder: str) -> None:
        """Remove whatever is kept under keys that begin so. Raises ResultStoreUnavailable."""
        try:
            self._persist(folder, lambda: self._files.rm(self._path(folder), recursive=True))
        except FileNotFoundError:
            return

    @cached_property
    def _opened(self) -> tuple[Any, str]:
        self.check()
        files, root = _fsspec().core.url_to_fs(self._url)
        return files, root.rstrip("/")

    @property
    def _files(self) -> Any:
        return self._opened[0]

    def _path(self, key: str) -> str:
        return f"{self._opened[1]}/{key}"

    def _require_folder(self, key: str) -> None:
        """A folder that is missing as a whole is a share that is not mounted."""
        root = Path(self._opened[1])
        if self._is_local and not root.is_dir():
            raise ResultStoreUnavailable(key, f"the folder {root} is not there")

    @property
    def _is_local(self) -> bool:
        return "file" in _protocols(self._files)

    def _has_bucket(self) -> bool:
        """Whether that is there which holds the place, and in which folders come and go with their files."""
        files, root = self._opened
        bucket = root[:1] + root[1:].partition("/")[0]
        return not self._is_local and bool(files.exists(bucket))

    def _list(self) -> list[str]:
        files, root = self._opened
        files.invalidate_cache()
        if self._is_local and Path(root).is_file():
            raise NotADirectoryError(f"{root} is a file")
        names: list[str] = files.ls(root, detail=False)
        return names

    def _write(self, path: str, content: bytes) -> None:
        if self._is_local:
            _write_file(Path(path), content)
        else:
            self._files.pipe_file(path, content)

    def _persist(self, what: str, action: Callable[[], T]) -> T:
        """Repeat what fails, but for what is final. Libraries raise errors of many kinds."""
        give_up, pause = time.monotonic() + self._patience, _FIRST_PAUSE
        while True:
            try:
                return action()
            except self._final:
                raise
            except Exception as error:
                if time.monotonic() + pause > give_up:
                    raise ResultStoreUnavailable(what, f"{type(error).__name__}: {error}") from error
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)


def read_whole(text: str, store: ResultStore | None) -> str:
    """
    The JSON text of a result, whether it stands in the database or elsewhere.

    Raises ResultGone and ResultStoreUnavailable; the latter too where there is no store here.
    """
    if not is_reference(text):
        return text
    reference = Reference.of(text)
    if store is None:
        problem = f"{_VARIABLE} is not set here: set it as it was set where the result was written"
        raise ResultStoreUnavailable(reference.key, problem)
    return store.get(reference)


def _is_url(place: str) -> bool:
    return "://" in place or "::" in place


def _url_of(folder: Path, path: str) -> str:
    # Not `as_uri`: fsspec takes what stands behind the slashes as it is.
    return f"file://{folder.absolute().joinpath(Path(path).expanduser())}"


def _require_shared(place: str) -> None:
    """Raises InvalidSetting, which does not quote the place: a URL may hold credentials."""
    if found := _ONE_SLASH.match(place):
        protocol = found[1]
        problem = f"after {protocol}: there is one slash; write {protocol}://, or ./{protocol}: for a folder"
        raise InvalidSetting(_VARIABLE, problem)
    if _is_url(place) and any(part.partition("://")[0] == "memory" for part in place.split("::")):
        problem = (
            "what memory:// keeps is lost to all other processes; use a folder, or s3://, gs://, abfs://"
        )
        raise InvalidSetting(_VARIABLE, problem)


def _fsspec() -> Any:
    try:
        import fsspec  # noqa: PLC0415 - an optional extra, and slow to import
    except ImportError as error:
        raise MissingExtra(_VARIABLE, "workers") from error
    return fsspec


def _unusable(protocol: str, error: Exception) -> InvalidSetting:
    from fsspec.registry import known_implementations  # noqa: PLC0415 - as above

    known = known_implementations.get(protocol)
    if known is None:
        return InvalidSetting(
            _VARIABLE, f"fsspec knows no {protocol}://; use a folder, or s3://, gs://, abfs://"
        )
    package = known["class"].partition(".")[0]
    wanted = _INSTALLED_TOGETHER.get(package, package)
    remedy = known.get("err", str(error)) if package == "fsspec" else f"pip install {wanted}"
    return InvalidSetting(_VARIABLE, f"{protocol}:// needs a package that is not installed: {remedy}")


def _protocols(files: Any) -> tuple[str, ...]:
    return (files.protocol,) if isinstance(files.protocol, str) else tuple(files.protocol)


def _write_file(path: Path, content: bytes) -> None:
    """Written beside its place and moved there: a reader finds all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{uuid.uuid4().hex}")
    try:
        with beside.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
