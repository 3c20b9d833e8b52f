"""Trees of files for tests, and what a listing of them is to hold: its rules, written the slow way."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

if TYPE_CHECKING:
    from pathlib import Path

HIDDEN = {".DS_Store", ".git", "Icon", "Icon\r", ".Dropbox"}
# Around the slash in the order of bytes, beyond ASCII, beyond the first 65,536 characters.
ODD_NAMES = ["a", "a.txt", "a0.txt", "a!", "a b.txt", ".a", "é.txt", "\uffee", "\U0001f600", "Z", "[a]", "*"]
# Fit for a path in a URL of moto's server, which knows no line breaks in keys.
NAMES = st.sampled_from([*ODD_NAMES, *sorted(HIDDEN - {"Icon\r"})])
ANY_NAMES = NAMES | st.sampled_from(["Icon\r", "a\nb", "\r", "\udc80"])


def trees(names: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, int]]:
    """Keys with the sizes of their files; no key is a folder of another."""
    keys = st.lists(names, min_size=1, max_size=4).map("/".join)
    return st.dictionaries(keys, st.integers(0, 3), max_size=12).map(_possible)


def options() -> st.SearchStrategy[dict[str, Any]]:
    """Options of a listing, each left out at times."""
    numbers = st.none() | st.integers(0, 4)
    return st.fixed_dictionaries(
        {},
        optional={
            "offset": numbers,
            "limit": numbers,
            "size_limit": numbers,
            "recursive": st.booleans(),
            "skip_common_hidden": st.booleans(),
            "pattern": st.none() | st.sampled_from(["*", "*.txt", "a?*", "[!a]*", "[[]a]"]),
        },
    )


def expected(tree: dict[str, int], prefix: str = "", **given: Any) -> list[str]:
    """The keys that a listing of the tree holds."""
    folder = prefix[: prefix.rfind("/") + 1]
    keys = sorted((key for key in tree if key.startswith(prefix)), key=_in_bytes)
    chosen = [key for key in keys if _wanted(key[len(folder) :], tree[key], **given)]
    offset, limit = given.get("offset") or 0, given.get("limit")
    return chosen[offset:] if limit is None else chosen[offset : offset + limit]


def grow(root: Path, tree: dict[str, int]) -> None:
    """Make the files."""
    for key, size in tree.items():
        path = root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * size)


def _wanted(path: str, size: int, **given: Any) -> bool:
    *folders, name = path.split("/")
    largest, pattern = given.get("size_limit"), given.get("pattern")
    return (
        (not folders or given.get("recursive", False))
        and (not given.get("skip_common_hidden", True) or not HIDDEN & {*folders, name})
        and (largest is None or size <= largest)
        and (pattern is None or fnmatchcase(name, pattern))
    )


def _possible(tree: dict[str, int]) -> dict[str, int]:
    return {key: size for key, size in tree.items() if not any(other.startswith(f"{key}/") for other in tree)}


def _in_bytes(key: str) -> bytes:
    return key.encode("utf-8", "surrogateescape")
