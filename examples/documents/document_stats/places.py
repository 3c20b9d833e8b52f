"""
Which folder is read, which of its files count, and where the report goes.

A file name on Unix is bytes, and JSON holds text: names travel percent-encoded, which loses nothing.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote_to_bytes

import pypeline

if TYPE_CHECKING:
    from typing import BinaryIO

SHIPPED_TEXTS = Path(__file__).resolve().parent.parent / "texts"


def folder(event: dict[str, Any]) -> Path:
    """
    The payload's ``folder``, else the texts beside sermos.yaml; a relative one starts at the working folder.

    Fails, with what to do, if it is no folder.
    """
    path = _path(event, "folder", default=SHIPPED_TEXTS)
    try:
        if path.is_dir():
            return path
        problem = "is no folder" if path.exists() else "does not exist"
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
    raise pypeline.Fail(f'{path} {problem}: set "folder" in the payload to a folder of text files')


def file_names(folder: Path) -> list[str]:
    """
    The encoded names of the regular files directly in the folder, in byte order.

    Hidden ones are left out, as are folders, sockets and links that lead to no file.
    """
    try:
        names = [entry.name for entry in folder.iterdir() if entry.is_file()]
    except PermissionError as error:
        raise pypeline.Fail(f"folder {folder} may not be read: give this user access to it") from error
    return sorted(quote(os.fsencode(name)) for name in names if not name.startswith("."))


def open_file(folder: Path, name: str) -> BinaryIO:
    """The file of an encoded name, open for reading bytes."""
    path = folder / os.fsdecode(unquote_to_bytes(name))
    try:
        return path.open("rb")
    except FileNotFoundError as error:
        raise pypeline.Fail(f"{readable(name)} was removed from {folder}: run the pipeline again") from error
    except PermissionError as error:
        raise pypeline.Fail(
            f"{readable(name)} in {folder} may not be read: give this user access to it"
        ) from error


def readable(name: str | Path) -> str:
    """The text of an encoded name or of a path; bytes that are no UTF-8 are replaced."""
    raw = os.fsencode(name) if isinstance(name, Path) else unquote_to_bytes(name)
    return raw.decode("utf-8", errors="replace")


def write(event: dict[str, Any], name: str, text: str) -> str:
    """
    Write a file into the payload's ``output`` folder, by default ``report``, and return its path.

    A reader sees the old file or the new one, never half of it; to write again changes nothing.
    """
    output = _path(event, "output", default=Path("report"))
    scratch = output / f".{name}.{secrets.token_hex(4)}"
    try:
        output.mkdir(parents=True, exist_ok=True)
        scratch.write_text(text, encoding="utf-8", newline="\n")
        scratch.replace(output / name)
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        message = f'{output / name} cannot be written ({error.strerror}): set "output" to a folder of yours'
        raise pypeline.Fail(message) from error
    finally:
        with contextlib.suppress(OSError):
            scratch.unlink()
    return str(output / name)


def _path(event: dict[str, Any], key: str, *, default: Path) -> Path:
    value = event.get(key)
    if value is None:
        return default
    # A lone surrogate and a NUL are legal in JSON, but name no file.
    if not isinstance(value, str) or not value or "\0" in value or not _is_unicode(value):
        raise pypeline.Fail(f'"{key}" is {value!r}: set it to the path of a folder')
    at_home = value == "~" or value.startswith("~/")
    return Path(value).expanduser() if at_home else Path(value)


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)
