"""What the handler of a node that lists files does in an attempt."""

from __future__ import annotations

import os
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listings import grow
from pypeline.errors import Fail, InvalidSetting, MissingExtra, PlaceNotFound
from pypeline.runs.listing import LIST_FILES, Bucket, Listing
from pypeline.tasks.attempts.listing import list_files, listing_handler

WITH_KEYS = Listing(place="b", bucket=Bucket(access_key="KEY", secret_key="SECRET"))


def listed(listing, payload=None, environment=None):
    return list_files(listing, environment or {}, {"chain_payload": payload or {}})


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("listed")
    beneath = {"root/a/1.txt": 1, "root/a/2.txt": 1, "root/a/3.md": 9, "root/b/1.txt": 1, "root/c.txt": 1}
    grow(folder, {**beneath, "out/x": 1})
    return folder / "root"


def test_it_lists_what_the_payload_asks_for(root):
    listing = Listing(
        place=str(root),
        beginning="${payload.where.folder}",
        pattern="*.${payload.kind}",
        limit="${payload.n}",
    )

    files = listed(listing, {"where": {"folder": "a"}, "kind": "txt", "n": "1"})

    assert files == [f"{root}/a/1.txt"]


def test_it_takes_the_options_of_a_listing(root):
    listing = Listing(place=str(root), recursive=True, offset=1, size_limit=5, full_path=False)

    assert listed(listing) == ["a/2.txt", "b/1.txt", "c.txt"]


def test_an_empty_value_is_the_root_only_where_it_is_the_whole_path(root):
    assert listed(Listing(place=str(root), beginning="${payload.f}"), {"f": ""}) == [f"{root}/c.txt"]
    with pytest.raises(Fail, match="may leave its root"):
        listed(Listing(place=str(root), beginning="a/${payload.f}"), {"f": ""})


@pytest.mark.parametrize(
    ("path", "folder"), [("${payload.f}", "a/"), ("${payload.f}", "a"), ("deep/${payload.f}", "er/")]
)
def test_a_folder_may_end_in_a_slash_as_it_may_in_the_file(tmp_path, path, folder):
    grow(tmp_path, {"a/1.txt": 1, "deep/er/1.txt": 1})

    (file,) = listed(Listing(place=str(tmp_path), beginning=path), {"f": folder})

    assert file.startswith(f"{tmp_path}/")
    assert file.endswith(f"{folder.rstrip('/')}/1.txt")


@pytest.mark.parametrize(
    "folder", ["../out", "/etc", "a/../../out", ".", "a//b", "a//", "/", "\0", "a\ud800"]
)
def test_a_path_that_leaves_the_root_fails_for_good(root, folder):
    with pytest.raises(Fail):
        listed(Listing(place=str(root), beginning="${payload.f}"), {"f": folder})


@given(st.lists(st.sampled_from(["..", ".", "", "a", "out", "/", "root"]), max_size=6).map("/".join))
def test_no_path_lists_what_is_not_beneath_the_root(root, folder):
    listing = Listing(place=str(root), beginning="${payload.f}", recursive=True)
    try:
        files = listed(listing, {"f": folder})
    except (Fail, PlaceNotFound):
        files = []

    assert all(file.startswith(f"{root}/") and ".." not in file for file in files)


def test_a_link_that_leads_out_fails_for_good(root, tmp_path):
    grow(tmp_path, {"in/a": 1})
    (tmp_path / "in" / "out").symlink_to(root)

    with pytest.raises(Fail, match="a link leads out of the folder: remove it"):
        listed(Listing(place=str(tmp_path / "in"), beginning="out"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"beginning": "${payload.day}"}, "payload.day is missing"),
        ({"pattern": "${payload.day}"}, "payload.day is missing"),
        ({"limit": "${payload.day}"}, "payload.day is missing"),
    ],
)
def test_a_payload_that_lacks_something_fails_for_good(root, options, words):
    with pytest.raises(Fail, match=words):
        listed(Listing(place=str(root), **options))


@pytest.mark.parametrize("pattern", ["a/b", ""])
def test_a_pattern_that_is_none_fails_for_good(root, pattern):
    with pytest.raises(Fail, match="pattern="):
        listed(Listing(place=str(root), pattern="${payload.p}"), {"p": pattern})


def test_a_name_that_is_not_utf_8_fails_for_good_and_is_named(tmp_path):
    grow(tmp_path, {"a.txt": 1, os.fsdecode(b"bad\xff.md"): 1})

    with pytest.raises(
        Fail, match=r"/bad\\xff\.md' is not UTF-8, .*: rename it, or leave it out by `pattern`"
    ):
        listed(Listing(place=str(tmp_path)))
    assert listed(Listing(place=str(tmp_path), pattern="*.txt")) == [f"{tmp_path}/a.txt"]


def test_a_prefix_that_no_request_can_carry_fails_for_good():
    listing = Listing(place="bucket", bucket=Bucket(endpoint="http://127.0.0.1:1"), beginning="${payload.p}")

    with pytest.raises(Fail, match=r"prefix='\\udcff': .*not UTF-8"):
        listed(listing, {"p": "\udcff"})


def test_a_folder_that_is_not_there_may_be_there_later(root):
    with pytest.raises(PlaceNotFound):
        listed(Listing(place=str(root), beginning="nowhere"))


@pytest.mark.parametrize("environment", [{}, {"KEY": "who", "SECRET": ""}])
def test_a_key_that_this_worker_lacks_is_told_by_its_variable(environment):
    with pytest.raises(InvalidSetting, match=r"(KEY|SECRET): has no value here: set it in the environment"):
        listed(WITH_KEYS, environment=environment)


@pytest.mark.parametrize("secret", ["s3cret\n", "s3 cret", "s3crét", "s3\x00cret"])
def test_a_key_that_no_request_can_carry_is_told_without_it(secret):
    with pytest.raises(InvalidSetting, match="SECRET: holds what no key has") as caught:
        listed(WITH_KEYS, environment={"KEY": "who", "SECRET": secret})

    assert secret not in str(caught.value)


def test_a_worker_without_boto3_says_what_to_install(monkeypatch):
    # As if nobody had imported it in this process.
    monkeypatch.delitem(sys.modules, "pypeline.generators.s3_client", raising=False)
    monkeypatch.delattr("pypeline.generators.s3_client", raising=False)
    monkeypatch.setitem(sys.modules, "boto3", None)

    with pytest.raises(MissingExtra, match=r"pip install 'pypeline\[s3\]'"):
        listed(Listing(place="b", bucket=Bucket()))


def test_it_goes_by_a_name_that_messages_know(root):
    handler = listing_handler(Listing(place=str(root)), {})

    assert (handler.path, handler.defaults) == (LIST_FILES, {})
    assert handler.function({"chain_payload": {}}) == [f"{root}/c.txt"]
