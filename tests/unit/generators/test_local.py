"""Listing a folder of this machine."""

from __future__ import annotations

import inspect
import os
import shutil
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from listings import grow
from pypeline.errors import AccessRefused, InvalidInput, ListingFailed, PlaceNotFound
from pypeline.generators import LocalKeyGenerator


@pytest.fixture
def files():
    with LocalKeyGenerator() as generator:
        yield generator


def test_a_listing_is_one_folder_deep(files, tmp_path):
    grow(tmp_path, {"b.txt": 1, "a.txt": 1, "sub/c.txt": 1})

    assert files.list_files(f"{tmp_path}/") == [f"{tmp_path}/a.txt", f"{tmp_path}/b.txt"]


@pytest.mark.parametrize("folder", ["there", "./there", "there/", Path("there")])
def test_full_paths_begin_with_the_folder_as_it_was_given(folder, files, tmp_path, monkeypatch):
    grow(tmp_path, {"there/sub/a": 1})
    monkeypatch.chdir(tmp_path)

    assert files.list_files(folder, "sub/") == [f"{str(folder).rstrip('/')}/sub/a"]


def test_a_key_has_its_prefix_and_not_the_folder(files, tmp_path):
    grow(tmp_path, {"sub/a": 1})

    assert files.list_files(tmp_path, "sub/", return_full_path=False) == ["sub/a"]


def test_recursion_keeps_the_order_of_keys_where_names_sort_around_the_slash(files, tmp_path):
    keys = ["a!", "a.txt", "a/b/c", "a/b.txt", "a0.txt", "ab"]
    grow(tmp_path, dict.fromkeys(keys, 1))

    found = files.list_files(tmp_path, recursive=True, return_full_path=False)

    assert found == ["a!", "a.txt", "a/b.txt", "a/b/c", "a0.txt", "ab"]


def test_an_empty_folder_is_an_empty_list(files, tmp_path):
    assert files.list_files(tmp_path) == []


def test_a_file_of_exactly_the_size_limit_stays(files, tmp_path):
    grow(tmp_path, {"small": 9, "fits": 10, "large": 11})

    assert files.list_files(tmp_path, size_limit=10, return_full_path=False) == ["fits", "small"]


def test_the_offset_counts_what_the_filters_leave(files, tmp_path):
    grow(tmp_path, {".DS_Store": 1, "a.log": 1, "b.txt": 99, "c.txt": 1, "d.txt": 1})

    found = files.list_files(tmp_path, offset=1, size_limit=9, pattern="*.txt", return_full_path=False)

    assert found == ["d.txt"]


def test_hidden_folders_are_not_entered_but_for_one_that_the_prefix_names(files, tmp_path):
    grow(tmp_path, {"a/.git/config": 1, "a/b": 1})

    assert files.list_files(tmp_path, recursive=True, return_full_path=False) == ["a/b"]
    assert files.list_files(tmp_path, "a/.git/", return_full_path=False) == ["a/.git/config"]


def test_a_stream_has_read_one_folder_when_its_first_file_comes(files, tmp_path):
    grow(tmp_path, {"a/1": 1, "b/1": 1})
    stream = files.iter_files(tmp_path, recursive=True, return_full_path=False)

    first = next(stream)
    shutil.rmtree(tmp_path / "b")

    assert (first, list(stream)) == ("a/1", [])


def test_a_link_to_a_file_has_the_size_of_the_file(files, tmp_path):
    grow(tmp_path, {"apart/large": 99, "here/small": 1})
    (tmp_path / "here" / "link").symlink_to(tmp_path / "apart" / "large")

    assert files.list_files(tmp_path / "here", return_full_path=False) == ["link", "small"]
    assert files.list_files(tmp_path / "here", size_limit=9, return_full_path=False) == ["small"]


def test_links_that_lead_nowhere_or_round_are_no_files(files, tmp_path):
    grow(tmp_path, {"a": 1})
    (tmp_path / "gone").symlink_to(tmp_path / "missing")
    (tmp_path / "round").symlink_to(tmp_path / "round")
    os.mkfifo(tmp_path / "pipe")

    assert files.list_files(tmp_path, return_full_path=False) == ["a"]


def test_recursion_ends_where_a_link_leads_back_up(files, tmp_path):
    grow(tmp_path, {"sub/a": 1})
    (tmp_path / "sub" / "up").symlink_to(tmp_path)

    assert files.list_files(tmp_path, recursive=True, return_full_path=False) == ["sub/a"]


def test_folders_may_lie_deeper_than_calls_of_python(files, tmp_path):
    deepest = "d/" * 200 + "a"
    grow(tmp_path, {deepest: 1})

    with _calls(at_most=100):
        found = files.list_files(tmp_path, recursive=True, return_full_path=False)

    assert found == [deepest]


def test_a_missing_folder_raises(files, tmp_path):
    with pytest.raises(PlaceNotFound, match="there is no such folder: check the path") as caught:
        files.list_files(tmp_path / "missing")

    assert caught.value.place == str(tmp_path / "missing")


def test_a_missing_folder_of_the_prefix_raises(files, tmp_path):
    with pytest.raises(PlaceNotFound, match="missing"):
        files.list_files(tmp_path, "missing/")


def test_a_file_in_place_of_a_folder_raises(files, tmp_path):
    grow(tmp_path, {"a.txt": 1})

    with pytest.raises(PlaceNotFound, match="this is no folder"):
        files.list_files(tmp_path / "a.txt")


@pytest.mark.parametrize("recursive", [False, True])
def test_a_folder_that_may_not_be_read_raises(recursive, files):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        grow(folder, {"open/shut/a": 1})
        (folder / "open" / "shut").chmod(0)

        with _somebody(folder), pytest.raises(AccessRefused, match="shut/: this user may not read it"):
            files.list_files(folder / "open", "" if recursive else "shut/", recursive=recursive)


def test_a_path_that_the_system_refuses_raises(files, tmp_path):
    with pytest.raises(ListingFailed, match="File name too long"):
        files.list_files(tmp_path / ("x" * 300))


@pytest.mark.parametrize("prefix", ["../", "a/../", "/", "/etc/", "./", "a//", "a\0b"])
def test_a_prefix_stays_beneath_its_folder(prefix, files, tmp_path):
    with pytest.raises(InvalidInput, match="give the beginning of a key"):
        files.list_files(tmp_path, prefix)


@contextmanager
def _calls(at_most: int):
    """Not more calls within each other than so many from here."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + at_most)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


@contextmanager
def _somebody(folder: Path):
    """Without the rights of root, whom no folder is shut to."""
    if os.geteuid() != 0:
        yield
        return
    folder.chmod(0o755)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
