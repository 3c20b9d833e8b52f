"""What the parent of a prefork pool does about its children."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field

import pytest

from celery_fakes import a_ref, a_work
from pypeline.errors import DatabaseUnavailable
from pypeline.runs.outcome import ErrorInfo, Failed, Postponed
from pypeline.store.records import Recorded
from pypeline.tasks.prefork.crew import Crew
from pypeline.tasks.prefork.foreman import Foreman

LOST = Failed(ErrorInfo("WorkerLost", "gone"))


@dataclass
class Books:
    """An engine that knows which attempts this worker holds, and keeps what is recorded."""

    held: set = field(default_factory=set)
    flagged: set = field(default_factory=set)
    recorded: list = field(default_factory=list)
    given_back: list = field(default_factory=list)
    away: bool = False

    def adopt(self, ref):
        if self.away:
            raise DatabaseUnavailable("postgresql://x", "gone")
        return a_work(ref, max_ttl=5.0) if ref in self.held else None

    def record(self, work, outcome):
        self.held.discard(work.claim.ref)
        self.recorded.append((work.claim.ref, outcome))
        return Recorded(accepted=True)

    def give_back(self, work):
        self.held.discard(work.claim.ref)
        self.given_back.append(work.claim.ref)

    def is_flagged(self, run_id):
        return run_id in self.flagged


@pytest.fixture
def child():
    """A process that does nothing until it is killed."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def books():
    return Books(held={a_ref()})


@pytest.fixture
def crew():
    return Crew()


@pytest.fixture
def foreman(books, crew):
    return Foreman(books, crew, cancel_grace=0.0)


def lost(_):
    return LOST


def test_the_attempt_of_a_child_that_died_is_recorded(books, crew, foreman):
    crew.accepted("request", a_ref(), 1)

    crew.gone("request", lost)
    foreman.settle()

    assert books.recorded == [(a_ref(), LOST)]
    assert crew.refs() == frozenset()


def test_the_log_says_that_a_child_was_lost(caplog, crew, foreman):
    crew.accepted("request", a_ref(), 1)

    crew.gone("request", lost)
    foreman.settle()

    [line] = caplog.records
    assert line.levelname == "WARNING"
    assert line.getMessage() == ("run run, node clean: attempt 1 failed and is tried again: WorkerLost: gone")


def test_what_a_child_recorded_before_it_died_stands(books, crew, foreman):
    books.held.clear()
    crew.accepted("request", a_ref(), 1)

    crew.gone("request", lost)
    foreman.settle()

    assert books.recorded == []


def test_a_loss_is_kept_and_its_lease_renewed_while_the_database_is_away(books, crew, foreman):
    books.away = True
    crew.accepted("request", a_ref(), 1)
    crew.gone("request", lost)

    with pytest.raises(DatabaseUnavailable):
        foreman.settle()
    assert crew.refs() == {a_ref()}
    books.away = False
    foreman.settle()

    assert books.recorded == [(a_ref(), LOST)]


def test_a_copy_of_a_message_that_died_says_nothing_of_the_attempt(books, crew, foreman):
    crew.accepted("first", a_ref(), 1)
    crew.accepted("copy", a_ref(), 2)

    crew.gone("copy", lost)
    foreman.settle()

    assert books.recorded == []
    assert crew.refs() == {a_ref()}


def test_a_child_past_its_hard_limit_is_killed_and_has_timed_out(books, crew, foreman, child):
    crew.deadlines.passed = lambda _: frozenset({child.pid})
    crew.accepted("request", a_ref(), child.pid)

    foreman.supervise()
    assert child.wait(30) == -signal.SIGKILL
    crew.gone("request", lost)
    foreman.settle()

    [(_, outcome)] = books.recorded
    assert outcome.error.message == "timed out after 5 s"


def test_a_child_whose_run_is_flagged_is_killed_after_the_grace_and_not_charged(books, crew, foreman, child):
    crew.accepted("request", a_ref(), child.pid)
    foreman.supervise()
    assert child.poll() is None

    books.flagged = {a_ref().run_id}
    foreman.supervise()
    child.wait(30)
    crew.gone("request", lost)
    foreman.settle()

    [(_, outcome)] = books.recorded
    assert isinstance(outcome, Postponed)


def test_an_attempt_whose_child_was_killed_for_anothers_sake_is_given_back(books, crew, foreman, child):
    books.held.add(a_ref(2))
    crew.accepted("condemned", a_ref(), child.pid)
    crew.end("condemned", lost)
    crew.accepted("innocent", a_ref(2), child.pid)

    crew.gone("innocent", lost)
    foreman.settle()

    assert books.given_back == [a_ref(2)]


def test_a_child_that_vanished_without_a_word_is_missed_at_the_second_look(books, crew, foreman, child):
    crew.accepted("request", a_ref(), child.pid)
    child.kill()
    child.wait()

    foreman.supervise()
    assert crew.refs() == {a_ref()}
    assert not crew.lost
    foreman.supervise()
    foreman.settle()

    [(_, outcome)] = books.recorded
    assert outcome.error.type == "WorkerLost"


def test_a_child_that_was_killed_is_found_dead_at_the_first_look(books, crew, foreman, child):
    crew.accepted("request", a_ref(), child.pid)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

    foreman.supervise()
    foreman.settle()

    [(_, outcome)] = books.recorded
    assert "signal 9 (SIGKILL)" in outcome.error.message


def test_what_runs_is_given_back_before_its_child_is_dismissed(books, crew, foreman, child):
    crew.accepted("request", a_ref(), child.pid)

    assert foreman.give_back() == 1
    assert child.poll() is None
    foreman.dismiss()
    child.wait(30)
    crew.gone("request", lost)
    foreman.settle()

    assert books.given_back == [a_ref()]
    assert books.recorded == []


def test_an_end_that_comes_before_its_beginning_is_forgotten(crew):
    crew.released("never begun")

    assert crew.refs() == frozenset()
