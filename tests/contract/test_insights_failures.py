"""What a store tells of one run's nodes, of failures, and what meters count."""

from __future__ import annotations

import pytest

from plans import chain, fan, mapping
from pypeline.runs.outcome import ErrorInfo, Failed, Succeeded
from pypeline.runs.states import NodeState
from pypeline.store.records import NODE

BROKER = "memory://here"
HOUR = 3_600
WEEK = 7 * 24 * HOUR


def fail_with(run, name, message, *, item=NODE, **error):
    info = ErrorInfo(error.pop("type", "ValueError"), message, error.pop("traceback", None))
    run.record(run.claim(name, item), Failed(info, log=error.pop("log", "")), **error)


def try_again(run):
    """Queue what waits for another attempt, whose delay is over."""
    for resent in run.store.queue_due(BROKER, limit=100):
        run.queued(resent.ready)


def test_the_items_of_a_node_are_counted_by_state(store, start):
    run = start(mapping())
    run.list("list", 4)
    run.succeed("each", 0)
    run.fail("each", 1)
    run.fail("each", 2, delay=60)

    assert store.insights.item_counts(run.run_id, 1) == {
        NodeState.SUCCESS: 1,
        NodeState.FAILED: 1,
        NodeState.RETRYING: 1,
        NodeState.QUEUED: 1,
    }
    assert store.insights.item_counts(run.run_id, 0) == {}


def test_the_history_of_a_node_is_its_own_newest_first(store, start):
    run = start(fan(2))
    run.succeed("first")
    fail_with(run, "m0", "one", delay=0, log="said one")
    fail_with(run, "m1", "another", delay=60)
    try_again(run)
    fail_with(run, "m0", "two", log="said two")
    insights = store.insights

    assert [found.error.message for found in insights.history(run.run_id, 1, NODE, limit=9)] == ["two", "one"]
    assert [found.error.message for found in insights.history(run.run_id, 1, NODE, limit=1)] == ["two"]
    assert insights.logs(run.run_id, 1, NODE, limit=9) == [(2, "said two"), (1, "said one")]


def test_what_happened_in_a_run_is_told_newest_first_with_names(store, start):
    run = start(mapping())
    run.list("list", 2)
    fail_with(run, "each", "early", item=0)
    fail_with(run, "each", "late", item=1, delay=60)

    found = store.insights.happened(run.run_id, limit=9)

    assert [(one.name, one.attempt.ref.item, one.attempt.error.message) for one in found] == [
        ("each", 1, "late"),
        ("each", 0, "early"),
    ]
    assert store.insights.happened(run.run_id, limit=1) == found[:1]
    assert store.insights.happened(run.run_id, limit=9, before=found[0].place) == found[1:]
    assert store.insights.happened(run.run_id, limit=9, before=found[1].place) == []


def test_failures_are_told_newest_first_over_all_runs(store, start):
    first, second = start(chain(1)), start(mapping(), payload={})
    fail_with(first, "n0", "old", traceback="Traceback …")
    second.list("list", 2)
    fail_with(second, "each", "new", item=1, type="KeyError")

    newest, oldest = store.insights.failures(seconds=WEEK, limit=9)

    assert (newest.run_id, newest.name, newest.position, newest.item) == (second.run_id, "each", 1, 1)
    assert (newest.type, newest.message, newest.trace) == ("KeyError", "new", None)
    assert (oldest.run_id, oldest.name, oldest.item) == (first.run_id, "n0", None)
    assert (oldest.pipeline_id, oldest.message, oldest.trace) == ("p", "old", "Traceback …")
    assert store.insights.failures(seconds=WEEK, limit=1) == [newest]


def test_a_failure_counts_once_however_many_attempts_it_had(store, start):
    run = start(chain(1))
    fail_with(run, "n0", "first", delay=0)
    try_again(run)
    fail_with(run, "n0", "last")

    assert [found.message for found in store.insights.failures(seconds=WEEK, limit=9)] == ["last"]


def test_what_is_tried_again_or_succeeded_at_last_is_no_failure(store, start):
    run = start(fan(2))
    run.succeed("first")
    fail_with(run, "m0", "waits", delay=60)
    fail_with(run, "m1", "soon", delay=0)
    try_again(run)
    run.succeed("m1")

    assert store.insights.failures(seconds=WEEK, limit=9) == []


def test_a_retry_of_the_run_takes_its_failures_away(store, start):
    run = start(chain(1))
    fail_with(run, "n0", "no luck")
    store.reset(run.plan, run.run_id, from_position=None, broker=BROKER)

    assert store.insights.failures(seconds=WEEK, limit=9) == []


def test_failures_of_older_runs_and_other_pipelines_are_left_out(store, start, age):
    fail_with(start(chain(1)), "n0", "old")
    age(2 * HOUR)
    fail_with(start(chain(1, pipeline_id="a")), "n0", "of a")
    fail_with(start(chain(1, pipeline_id="b")), "n0", "of b")
    insights = store.insights

    assert {found.message for found in insights.failures(seconds=HOUR, limit=9)} == {"of a", "of b"}
    [found] = insights.failures(seconds=HOUR, limit=9, pipeline_id="a")
    assert found.message == "of a"


def test_only_the_ends_of_long_texts_are_read(store, start):
    fail_with(start(chain(1)), "n0", "m" * 3_000, traceback="x" * 9_000 + "the end")

    [found] = store.insights.failures(seconds=WEEK, limit=9)

    assert len(found.message) < 1_000
    assert len(found.trace) < 3_000
    assert found.trace.endswith("the end")


def test_any_text_that_is_kept_is_read(store, start):
    said = "«ü» 'quoted' \"double\" \\x00 \\ud800 % :name\n\ttab 🙂"
    fail_with(start(chain(1)), "n0", said, traceback=said)

    [found] = store.insights.failures(seconds=WEEK, limit=9)

    assert (found.message, found.trace) == (said, said)


def test_nodes_are_tallied_by_name_and_state_with_their_times(store, start, age):
    run = start(chain(2))
    age(7)
    claim = run.claim("n0")
    age(20)
    run.record(claim, Succeeded("1"))

    found = {tally.name: tally for tally in store.insights.node_tallies(HOUR, limit=100)}

    assert (found["n0"].state, found["n0"].count) == (NodeState.SUCCESS, 1)
    assert (found["n0"].ended, found["n0"].claimed) == (1, 1)
    assert found["n0"].seconds == pytest.approx(20, abs=3)
    assert found["n0"].waited == pytest.approx(7, abs=3)
    assert (found["n1"].state, found["n1"].ended, found["n1"].claimed) == (NodeState.QUEUED, 0, 0)


def test_the_time_of_a_mapped_node_is_that_of_its_items(store, start):
    run = start(mapping())
    run.list("list", 2)
    run.drain()

    found = [tally for tally in store.insights.node_tallies(HOUR, limit=100) if tally.name == "each"]

    assert [(tally.count, tally.ended) for tally in found] == [(3, 2)]


def test_a_node_that_is_queued_again_has_not_waited_for_less_than_nothing(store, start):
    run = start(chain(1))
    run.fail("n0", delay=0)
    try_again(run)

    [found] = store.insights.node_tallies(HOUR, limit=100)

    assert (found.state, found.claimed, found.waited) == (NodeState.QUEUED, 0, 0)


def test_old_runs_are_tallied_while_they_are_open(store, start, age):
    start(chain(1)).drain()
    start(chain(1, pipeline_id="open"))
    age(2 * HOUR)
    start(chain(1, pipeline_id="new")).drain()

    found = store.insights.node_tallies(HOUR, limit=100)

    assert {tally.pipeline_id for tally in found} == {"open", "new"}


def test_no_more_nodes_are_tallied_than_asked_for(store, start):
    start(fan(20))

    assert sum(tally.count for tally in store.insights.node_tallies(HOUR, limit=5)) == 5


def test_attempts_are_tallied_by_outcome_and_whether_another_followed(store, start, age):
    run = start(fan(3))
    run.succeed("first")
    run.fail("m2")
    age(2 * HOUR)
    run.fail("m0", delay=60)
    fail_with(run, "m1", "gone", type="WorkerLost", delay=0)
    try_again(run)

    found = {tally.outcome: (tally.count, tally.retried) for tally in store.insights.attempt_tallies(HOUR)}

    assert found == {"failed": (1, 1), "lost": (1, 1)}


def test_the_last_attempt_of_a_node_is_not_retried(store, start):
    start(chain(1)).fail("n0")

    [found] = store.insights.attempt_tallies(HOUR)

    assert (found.pipeline_id, found.count, found.retried) == ("p", 1, 0)
