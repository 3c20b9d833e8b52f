"""Retention as a whole: old runs with what is kept of them in the database and elsewhere."""

from __future__ import annotations

from datetime import timedelta

import pytest

from buckets import make_bucket
from plans import chain, fan
from pypeline.application import retention
from pypeline.application.retention import Pruned, Retention
from pypeline.errors import InvalidSetting, ResultStoreUnavailable
from pypeline.results import ResultStore
from pypeline.store.records import RunFilter

HOUR = 3600.0


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "large"


@pytest.fixture
def large(folder):
    return ResultStore(str(folder), patience=0)


@pytest.fixture
def finished(start, large):
    """A run of one node whose result is kept elsewhere, and an object that nobody recorded."""

    def finished():
        run = start(chain(1))
        run.succeed("n0", result=large.put(f"{run.run_id}/0.json", "[1]").text)
        large.put(f"{run.run_id}/0.zombie.json", "[2]")
        return run

    return finished


def prune(store, large):
    """What is gone in the end, with all that ended an hour ago."""
    steps = Retention(store, large, rest=lambda _: None).prune(store.clock() - timedelta(seconds=HOUR))
    *_, gone = steps
    return gone


def test_a_run_goes_with_all_its_objects(store, finished, large, age):
    finished()
    age(2 * HOUR)
    young = finished()

    assert prune(store, large).runs == 1
    assert large.folders() == {young.run_id}
    assert [run.run_id for run in store.runs(RunFilter())] == [young.run_id]


def test_objects_of_an_open_run_stay_however_old_they_are(store, start, large, age):
    run = start(chain(2))
    run.succeed("n0", result=large.put(f"{run.run_id}/0.json", "[1]").text)
    age(2 * HOUR)

    assert prune(store, large) == Pruned()
    assert large.folders() == {run.run_id}


def test_folders_that_are_no_runs_of_ours_stay(store, finished, large, age):
    finished()
    large.put("somebody-else/0.json", "1")
    age(2 * HOUR)

    prune(store, large)

    assert large.folders() == {"somebody-else"}


def test_whoever_is_interrupted_after_forgetting_leaves_nothing_behind(store, finished, large, age):
    run = finished()
    age(2 * HOUR)
    store.retention.forget_runs(store.clock(), limit=10)
    assert large.folders() == {run.run_id}

    assert prune(store, large).runs == 1
    assert large.folders() == frozenset()
    assert store.retention.forgotten_runs(limit=10) == []


def test_whoever_is_interrupted_amidst_a_large_run_is_followed(store, start, age, monkeypatch):
    start(fan(30)).drain()
    age(2 * HOUR)
    monkeypatch.setattr(retention, "_ROWS", 10)
    steps = Retention(store, None, rest=lambda _: None).prune(store.clock())
    assert next(steps).runs == 0
    steps.close()

    assert prune(store, None).runs == 1
    assert store.retention.forgotten_runs(limit=10) == []


def test_a_store_that_is_away_leaves_the_objects_to_the_next_one(store, finished, large, folder, age):
    run = finished()
    age(2 * HOUR)
    store.retention.forget_runs(store.clock(), limit=10)
    folder.rename(folder.with_name("away"))
    folder.write_text("in its stead")
    with pytest.raises(ResultStoreUnavailable):
        prune(store, large)
    folder.unlink()
    with pytest.raises(InvalidSetting, match="names a place that is not there"):
        prune(store, large)
    folder.with_name("away").rename(folder)

    assert large.folders() == {run.run_id}
    assert prune(store, large).runs == 1
    assert large.folders() == frozenset()


def test_a_bucket_whose_objects_are_gone_keeps_no_run(store, start, age):
    bucket, run = ResultStore(f"{make_bucket('large')}/results", patience=0), start(chain(1))
    run.succeed("n0", result=bucket.put(f"{run.run_id}/0.json", "[1]").text)
    bucket.remove(run.run_id)
    age(2 * HOUR)

    assert prune(store, bucket).runs == 1


def test_results_elsewhere_need_the_store_to_be_set_before_anything_goes(store, finished, age):
    run = finished()
    age(2 * HOUR)

    with pytest.raises(InvalidSetting, match="PYPELINE_RESULT_STORE: is not set"):
        prune(store, None)
    assert store.run(run.run_id).run_id == run.run_id


def test_a_second_time_finds_nothing_to_do(store, start, age):
    for _ in range(3):
        start(chain(2)).drain()
    age(2 * HOUR)

    assert prune(store, None) == Pruned(runs=3, definitions=1)
    assert prune(store, None) == Pruned()


def test_it_rests_as_long_as_it_worked(store, start, age):
    start(fan(10)).drain()
    age(2 * HOUR)
    rests = []

    list(Retention(store, None, rest=rests.append).prune(store.clock()))

    assert len(rests) >= 4
    assert all(0 < seconds <= 1 for seconds in rests)
