"""What is read for each look at runs is found by an index, in one statement, however much there is."""

from __future__ import annotations

import re
import uuid

import pytest

from explained import SCAN, Explained, analyze
from plans import chain, fan, mapping
from pypeline.store.records import NewRun, Progress, ProgressReport, RunFilter


@pytest.fixture
def run(store, start):
    """A run in the middle of its life, among many others of which some are large."""
    for _ in range(2):
        start(fan(1_500)).succeed("first")
    others = [NewRun(str(uuid.uuid4()), {}, "cli", "memory://here") for _ in range(400)]
    store.create_runs([(chain(2), new) for new in others])
    for _ in range(6):
        start(chain(2, pipeline_id="rare"))
    run = start(mapping(window=700))
    run.list("list", 1_500)
    store.progress.note([ProgressReport(run.ref("each", item), Progress(1.0)) for item in range(9)])
    analyze(store)
    return run


def test_each_look_is_one_statement_that_reads_what_it_shows(store, run, monkeypatch):
    created = store.run(run.run_id).created_at
    explained = Explained(store, monkeypatch)

    looks = (
        lambda: store.run(run.run_id),
        lambda: store.run_version(run.run_id),
        lambda: store.runs(RunFilter(limit=5)),
        lambda: store.runs(RunFilter(limit=5, pipeline_id="rare")),
        lambda: store.runs(RunFilter(limit=5, after=run.run_id)),
        lambda: store.runs(RunFilter(limit=5, after=run.run_id, after_at=created)),
        lambda: store.nodes(run.run_id, limit=50, after=(1, 700)),
        lambda: store.node(run.run_id, 1, 3),
        lambda: store.attempts(run.run_id),
    )
    for look in looks:
        look()

    assert len(explained) == len(looks)
    assert explained.that(SCAN) == {}


@pytest.mark.parametrize(
    ("index", "wanted"),
    [("ix_pypeline_run_app", {}), ("ix_pypeline_run_pipeline", {"pipeline_id": "rare"})],
)
def test_a_page_of_runs_begins_in_the_index_where_the_last_one_ended(store, run, monkeypatch, index, wanted):
    last = store.runs(RunFilter(limit=2, **wanted))[-1]
    explained = Explained(store, monkeypatch)

    store.runs(RunFilter(after=last.run_id, after_at=last.created_at, limit=2, **wanted))

    (plan,) = explained.values()
    assert index in plan
    # One bound of the index, not a filter over all that is newer.
    assert re.search(r"Index Cond: .*ROW\(created_at|\(app=\?.* \(?created_at(,id\))?<", plan)


def test_what_waits_is_found_among_what_is_queued(store, run, monkeypatch):
    explained = Explained(store, monkeypatch)

    assert store.queues("memory://here")

    assert explained.that(SCAN) == {}
    assert explained.that(re.compile("run_id=")) == {}
