"""No question reads all nodes: the plans of the statements are looked at."""

from __future__ import annotations

import re

import pytest

from explained import SCAN, Explained, analyze
from plans import chain, fan, mapping
from timetable import add, fire, starting

HOUR = 3_600
# The runs of all time, row by row; the index of open runs is as short as what goes on. (PostgreSQL reads so
# small a table as a whole.)
ALL_RUNS = re.compile(r"SCAN pypeline_run\b(?! USING (COVERING )?INDEX ix_pypeline_run_open)")
# Every due time that schedules ever had.
ALL_OCCURRENCES = re.compile(
    r"SEARCH o USING .* \(app=\?\)$|SCAN o\b|Seq Scan on pypeline_occurrence", re.MULTILINE
)


@pytest.fixture
def explained(store, start, age, monkeypatch):
    """A database in which little is new, and an ear for the statements that follow."""
    for number in range(40):
        start(chain(2, pipeline_id=f"p{number % 4}")).drain()
        start(fan(60)).succeed("first")
    start(mapping(window=700)).list("list", 1_500)
    age(30 * 24 * HOUR)
    run = start(mapping())
    run.list("list", 3)
    run.fail("each", 0)
    run.claim("each", 1)
    analyze(store)
    ear = Explained(store, monkeypatch)
    ear.run_id = run.run_id
    return ear


def test_questions_about_all_runs_read_neither_all_nodes_nor_all_runs(store, explained):
    insights = store.insights

    insights.endings()
    insights.open_runs()
    insights.busy()
    insights.last_runs(insights.pipeline_ids(limit=10), limit=30)
    insights.failing(limit=10)
    insights.ended_within(HOUR)
    insights.failures(seconds=HOUR, limit=100)
    insights.attempt_tallies(HOUR)

    assert len(explained) >= 8
    assert explained.that(SCAN) == {}
    assert explained.that(ALL_RUNS) == {}


def test_questions_about_nodes_find_them_by_key(store, explained):
    run_id = explained.run_id

    store.insights.grid([run_id], limit=100)
    store.insights.item_counts(run_id, 1)
    store.insights.history(run_id, 1, 0, limit=10)
    store.insights.logs(run_id, 1, 0, limit=10)
    found = store.insights.happened(run_id, limit=10)
    store.insights.happened(run_id, limit=10, before=found[0].place)
    store.insights.node_tallies(HOUR, limit=100)

    assert len(explained) >= 7
    assert explained.that(SCAN) == {}


def test_lateness_is_found_by_schedule(store, explained):
    add(store, *(f"s{number}" for number in range(20)), due_in=-40_000)
    for _ in range(40):
        fire(store, starting(again=1_000))
    analyze(store)
    explained.clear()

    store.insights.lateness(HOUR)

    assert len(explained) == 1
    assert explained.that(ALL_OCCURRENCES) == {}
