import os
import sys
import threading
from pathlib import Path

import pytest

from buckets import make_bucket
from pypeline.errors import InvalidSetting, ResultGone, ResultStoreUnavailable
from pypeline.results import Reference, ResultStore, read_whole

KEY = "r1/0.1-token.json"


class TimeIsUpError(Exception):
    pass


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "large"


@pytest.fixture
def bucket():
    return make_bucket("large")


@pytest.fixture(params=["folder", "bucket"])
def store(request, folder, bucket):
    """A folder, and what stands for a store behind a URL."""
    return ResultStore(str(folder) if request.param == "folder" else f"{bucket}/results", patience=0)


def test_what_was_put_comes_back(store):
    reference = store.put(KEY, '"Straße 東京"')

    assert reference == Reference(16, KEY)
    assert store.get(reference) == '"Straße 東京"'


def test_a_result_that_is_gone_is_named_with_what_to_do(store):
    reference = store.put(KEY, "[1]")
    store.remove("r1")

    with pytest.raises(ResultGone, match=r"r1/0.1-token.json: it is no longer there; `pypeline retry RUN"):
        store.get(reference)


def test_a_result_that_was_cut_short_is_no_result(store):
    store.put(KEY, "[1]")

    with pytest.raises(ResultGone, match="it has 3 bytes, and 8,000 were written"):
        store.get(Reference(8000, KEY))


def test_the_folders_of_runs_are_listed_and_removed_alone(store):
    for run in ("r1", "r2"):
        store.put(f"{run}/0.json", "1")
        store.put(f"{run}/1.json", "2")

    assert store.folders() == {"r1", "r2"}
    store.remove("r1")
    assert store.folders() == {"r2"}
    assert store.get(Reference(1, "r2/0.json")) == "1"


def test_a_store_that_holds_nothing_yet_has_nothing_to_remove(store):
    store.remove("r1")
    store.put(KEY, "1")
    store.remove("r1")

    assert not store.folders()


def test_a_folder_that_is_not_there_is_told_from_an_empty_one(folder):
    store = ResultStore(str(folder), patience=0)

    assert store.folders() is None
    folder.mkdir()
    assert store.folders() == frozenset()


def test_a_prefix_of_a_bucket_is_empty_where_nothing_is_under_it(bucket):
    store = ResultStore(f"{bucket}/results", patience=0)

    assert store.folders() == frozenset()
    store.put(KEY, "1")
    store.remove("r1")
    assert store.folders() == frozenset()
    assert ResultStore(bucket, patience=0).folders() == frozenset()


@pytest.mark.parametrize("place", ["bucket://mispelt/results", "bucket://mispelt"])
def test_a_bucket_that_is_not_there_is_told_from_an_empty_one(bucket, place):
    assert ResultStore(place, patience=0).folders() is None


def test_a_plain_path_is_taken_from_the_folder_of_the_process(tmp_path):
    ResultStore("results", folder=tmp_path).put(KEY, "1")

    assert (tmp_path / "results" / KEY).read_text() == "1"


def test_a_path_may_hold_what_means_something_in_a_url(tmp_path):
    store = ResultStore(str(tmp_path / "50% #1?"))

    assert store.get(store.put(KEY, "1")) == "1"
    assert (tmp_path / "50% #1?" / KEY).is_file()


def test_a_reader_never_sees_a_result_in_part(folder):
    store, seen, done = ResultStore(str(folder)), set(), threading.Event()
    text = "x" * 1_000_000

    def read():
        while not done.is_set():
            if (folder / KEY).exists():
                seen.add(len((folder / KEY).read_bytes()))

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(20):
        store.put(KEY, text)
    done.set()
    reader.join()

    assert seen <= {len(text)}
    assert [path.name for path in (folder / "r1").iterdir()] == [Path(KEY).name]


def test_a_write_that_fails_leaves_nothing_behind(folder, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(ResultStoreUnavailable, match="No space left on device"):
        ResultStore(str(folder), patience=0).put(KEY, "1")
    assert list((folder / "r1").iterdir()) == []


def test_what_fails_for_a_moment_is_tried_again(folder, monkeypatch):
    failures, fsync = [OSError("away"), OSError("away")], os.fsync

    def flaky(descriptor):
        if failures:
            raise failures.pop()
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", flaky)
    store = ResultStore(str(folder))

    assert store.get(store.put(KEY, "1")) == "1"
    assert failures == []


def test_a_place_that_cannot_be_written_says_what_to_check(folder):
    folder.write_text("a file")

    with pytest.raises(ResultStoreUnavailable, match=r"r1/0.1-token.json: .*check PYPELINE_RESULT_STORE"):
        ResultStore(str(folder), patience=0).put(KEY, "1")


def test_a_folder_that_is_missing_as_a_whole_is_away_and_not_gone(folder):
    with pytest.raises(ResultStoreUnavailable, match="is not there"):
        ResultStore(str(folder), patience=0).get(Reference(1, KEY))


def test_an_error_that_ends_its_user_is_let_through(folder, monkeypatch):
    def late(_):
        raise TimeIsUpError

    monkeypatch.setattr(os, "fsync", late)

    with pytest.raises(TimeIsUpError):
        ResultStore(str(folder), interrupts=(TimeIsUpError,)).put(KEY, "1")


@pytest.mark.parametrize(
    ("place", "remedy"),
    [
        ("nowhere://bucket", "fsspec knows no nowhere://; use a folder, or s3://"),
        ("oci://bucket", "oci:// needs a package that is not installed: pip install ocifs"),
        ("s3://bucket", "s3:// needs a package that is not installed: pip install s3fs boto3"),
        ("memory://large", "what memory:// keeps is lost to all other processes; use a folder"),
        ("simplecache::memory://large", "what memory:// keeps is lost to all other processes"),
        ("s3:/bucket", "after s3: there is one slash; write s3://, or ./s3: for a folder"),
    ],
)
def test_a_place_that_cannot_be_used_says_what_to_do(place, remedy, monkeypatch):
    monkeypatch.setitem(sys.modules, "s3fs", None)
    store = ResultStore(place)

    with pytest.raises(InvalidSetting, match=f"PYPELINE_RESULT_STORE: {remedy}"):
        store.check()
    with pytest.raises(InvalidSetting, match=f"PYPELINE_RESULT_STORE: {remedy}"):
        store.put(KEY, "1")


@pytest.mark.parametrize(
    "place",
    ["bucket://large", "simplecache::bucket://large", "relative", "memory", "/absolute/x", "./s3:/x"],
)
@pytest.mark.usefixtures("bucket")
def test_a_place_that_can_be_reached_passes_the_check_and_is_not_touched(place, tmp_path):
    ResultStore(place, folder=tmp_path).check()

    assert list(tmp_path.iterdir()) == []


def test_a_result_in_the_database_needs_no_store():
    assert read_whole('{"a": 1}', None) == '{"a": 1}'


def test_a_reference_without_a_store_says_what_to_set():
    with pytest.raises(ResultStoreUnavailable, match="PYPELINE_RESULT_STORE is not set here"):
        read_whole(Reference(3, KEY).text, None)
