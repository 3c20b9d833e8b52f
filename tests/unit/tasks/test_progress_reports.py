"""The thread that writes progress: rarely, never lost at the end, never in a handler's way."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from celery_fakes import a_ref, wait_until
from pypeline.errors import DatabaseUnavailable
from pypeline.store.records import Progress
from pypeline.tasks.attempts.progress import ProgressReports

NEVER = 3600.0


class Book:
    """What was written, each time; it may be away, or refuse."""

    def __init__(self):
        self.rounds = []
        self.error = None
        self.tried = 0
        self.gate = threading.Event()
        self.gate.set()

    def write(self, reports):
        self.gate.wait(20)
        self.tried += 1
        if self.error is not None:
            raise self.error
        self.rounds.append({report.ref: report.progress.done for report in reports})

    @property
    def last(self):
        return {ref: done for round_ in self.rounds for ref, done in round_.items()}


@pytest.fixture
def book():
    return Book()


@pytest.fixture
def reports(book):
    made = ProgressReports(book.write, interval=NEVER)
    yield made
    book.gate.set()
    made.close()


def test_the_first_word_is_written_at_once_and_the_next_ones_wait(book, reports):
    reports.note(a_ref(), Progress(1))
    wait_until(lambda: book.rounds)
    for done in range(2, 1000):
        reports.note(a_ref(), Progress(done))

    assert book.rounds == [{a_ref(): 1}]


def test_what_was_said_meanwhile_is_one_write_with_the_latest_of_each(book):
    reports = ProgressReports(book.write, interval=0.01)
    book.gate.clear()
    reports.note(a_ref(0), Progress(1))
    wait_until(lambda: reports._desks[os.getpid()]._writing)
    for done in (1, 2, 3):
        reports.note(a_ref(1), Progress(done))
        reports.note(a_ref(2), Progress(10 * done))
    book.gate.set()
    wait_until(lambda: len(book.rounds) == 2)
    reports.close()

    assert book.rounds == [{a_ref(0): 1}, {a_ref(1): 3, a_ref(2): 30}]


def test_the_last_word_is_written_before_the_attempt_is_recorded(book, reports):
    reports.note(a_ref(), Progress(1))
    wait_until(lambda: book.rounds)
    reports.note(a_ref(), Progress(2))

    reports.finish(a_ref())

    assert book.last == {a_ref(): 2}


def test_the_end_of_an_attempt_that_said_nothing_starts_no_thread(book, reports):
    reports.finish(a_ref())

    assert "pypeline-progress" not in {thread.name for thread in threading.enumerate()}


def test_a_database_that_is_away_holds_up_nobody_and_loses_nothing(book):
    reports = ProgressReports(book.write, interval=0.01)
    book.error = DatabaseUnavailable("sqlite:///x", "gone")
    reports.note(a_ref(0), Progress(1))
    reports.note(a_ref(1), Progress(1))
    wait_until(lambda: book.tried)
    began = time.monotonic()
    for done in range(2, 100):
        reports.note(a_ref(0), Progress(done))
        reports.finish(a_ref(0))
    took = time.monotonic() - began
    book.error = None
    wait_until(lambda: len(book.last) == 2)
    reports.close()

    assert book.last == {a_ref(0): 99, a_ref(1): 1}
    assert took < 5


def test_a_database_that_does_not_even_refuse_holds_up_the_end_for_half_a_second(book, reports):
    book.gate.clear()
    reports.note(a_ref(), Progress(1))

    began = time.monotonic()
    reports.finish(a_ref())

    assert time.monotonic() - began < 5
    assert book.rounds == []


def test_what_the_database_refuses_is_dropped_and_told(book, reports, caplog):
    book.error = ValueError("no such column")
    reports.note(a_ref(0), Progress(1))
    wait_until(lambda: "not kept" in caplog.text)
    book.error = None
    reports.note(a_ref(1), Progress(2))
    reports.finish(a_ref(1))

    assert book.rounds == [{a_ref(1): 2}]


def test_closing_writes_what_is_left_and_ends_the_thread(book, reports):
    reports.note(a_ref(0), Progress(1))
    wait_until(lambda: book.rounds)
    reports.note(a_ref(1), Progress(2))

    reports.close()

    assert book.last == {a_ref(0): 1, a_ref(1): 2}
    assert "pypeline-progress" not in {thread.name for thread in threading.enumerate()}


def test_after_closing_it_begins_anew(book, reports):
    reports.note(a_ref(), Progress(1))
    reports.close()

    reports.note(a_ref(), Progress(2))
    reports.finish(a_ref())

    assert book.last == {a_ref(): 2}


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_has_a_thread_of_its_own(book, reports):
    reports.note(a_ref(), Progress(1))
    wait_until(lambda: book.rounds)
    child = os.fork()
    if not child:
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(20)  # a child that hangs must not hold up its parent
            reports.note(a_ref(7), Progress(3))
            reports.finish(a_ref(7))
            os._exit(0 if book.last == {a_ref(): 1, a_ref(7): 3} else 1)
        finally:
            os._exit(2)

    assert os.waitpid(child, 0)[1] == 0
    assert book.last == {a_ref(): 1}
