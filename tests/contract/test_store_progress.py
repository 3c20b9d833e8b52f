"""How far attempts are by their own account."""

from __future__ import annotations

import uuid

from plans import chain, mapping
from pypeline.store.records import NODE, AttemptRef, Progress, ProgressReport


def report(drive, name, *, item=NODE, attempt=1, done=1.0, total=None):
    return ProgressReport(drive.ref(name, item, attempt), Progress(done, total))


def test_the_last_word_of_an_attempt_stands_at_its_node(store, start):
    run = start(chain(2))
    run.claim("n0")

    store.progress.note([report(run, "n0", done=1, total=10)])
    store.progress.note([report(run, "n0", done=2.5, total=10)])

    assert run.node("n0").progress == Progress(2.5, 10.0)
    assert run.node("n1").progress is None
    assert store.node(run.run_id, 0).progress == Progress(2.5, 10.0)


def test_each_item_has_its_own(store, start):
    run = start(mapping())
    run.list("list", 2)

    store.progress.note([report(run, "each", item=0, done=7), report(run, "each", item=1, done=8, total=9)])

    each = [run.node("each", item).progress for item in (None, 0, 1)]
    assert each == [None, Progress(7.0), Progress(8.0, 9.0)]


def test_of_several_words_of_one_attempt_the_last_counts(store, start):
    run = start(chain(1))

    store.progress.note([report(run, "n0", done=done) for done in (1, 3, 2)])

    assert run.node("n0").progress == Progress(2.0)


def test_what_an_attempt_said_that_was_followed_by_another_is_not_that_ones(store, start, age):
    run = start(chain(1))
    store.progress.note([report(run, "n0", done=90, total=100)])
    run.fail("n0", delay=1.0)
    age(2)
    for resent in store.queue_due("memory://here", limit=10):
        run.queued(resent.ready)
    run.claim("n0")

    assert run.node("n0").progress is None


def test_an_attempt_that_was_given_up_does_not_speak_over_the_next(store, start):
    run = start(chain(1))
    store.progress.note([report(run, "n0", attempt=2, done=5)])
    store.progress.note([report(run, "n0", attempt=1, done=99)])

    run.fail("n0", delay=0.0)
    for resent in store.queue_due("memory://here", limit=10):
        run.queued(resent.ready)
    run.claim("n0")

    assert run.node("n0").progress == Progress(5.0)


def test_of_a_run_that_is_gone_nothing_is_kept_and_nobody_else_is_lost(store, start):
    run = start(chain(1))
    gone = ProgressReport(AttemptRef(str(uuid.uuid4()), 0, NODE, 1), Progress(1.0))

    store.progress.note([gone, report(run, "n0", done=4)])

    assert run.node("n0").progress == Progress(4.0)


def test_no_words_are_no_transaction(store):
    store.progress.note([])
