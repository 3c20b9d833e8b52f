"""What a worker logs of attempts that failed."""

from __future__ import annotations

import logging

import pytest

from celery_fakes import FakeEngine, a_ref, a_work
from pypeline.runs.outcome import ErrorInfo, Failed, Postponed, SkippedByHandler, Succeeded
from pypeline.runs.states import RunState
from pypeline.store.records import Recorded
from pypeline.tasks.attempts.failures import outcome_of
from pypeline.tasks.attempts.telling import tell_failure
from pypeline.tasks.attempts.worker import NodeWorker

NO_STOCK = ErrorInfo("NoStock", "apples are out", "Traceback: …")


class UnreadableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.fixture
def log(caplog):
    """The lines of an attempt that ended so, each behind its level."""

    def lines(outcome, *, item=-1, finished=None):
        tell_failure(a_work(a_ref(item)), outcome, Recorded(accepted=True, finished=finished))
        return [f"{line.levelname} {line.getMessage()}" for line in caplog.records]

    return lines


def test_a_failure_that_is_tried_again_is_a_warning(caplog):
    NodeWorker(FakeEngine(), lambda _: Failed(NO_STOCK)).perform(a_ref(attempt=2))

    [line] = caplog.records
    assert line.levelname == "WARNING"
    assert line.getMessage() == (
        "run run, node clean: attempt 2 failed and is tried again: NoStock: apples are out"
    )


def test_a_final_failure_is_an_error(log):
    said = log(Failed(NO_STOCK, final=True))

    assert said == ["ERROR run run, node clean: attempt 1 failed: NoStock: apples are out"]


def test_a_failure_that_ended_its_run_is_not_said_to_be_tried_again(log):
    said = log(Failed(NO_STOCK), finished=RunState.CANCELLED)

    assert said == ["ERROR run run, node clean: attempt 1 failed: NoStock: apples are out"]


def test_a_report_that_came_too_late_is_nobodys_failure(caplog):
    tell_failure(a_work(a_ref()), Failed(NO_STOCK), Recorded(accepted=False))

    assert caplog.records == []


def test_an_item_is_named(log):
    [line] = log(Failed(NO_STOCK), item=7)

    assert "node clean[7]: attempt 1" in line


@pytest.mark.parametrize(
    "outcome", [Succeeded("1"), SkippedByHandler("nothing to do"), Postponed(1.0, "not yet")]
)
def test_nothing_is_said_of_what_did_not_fail(log, outcome):
    assert log(outcome) == []


def test_the_traceback_is_logged_when_debugging(log, caplog):
    with caplog.at_level(logging.DEBUG, "pypeline"):
        [_, traceback] = log(Failed(NO_STOCK))

    assert traceback == "DEBUG Traceback: …"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (UnreadableError(), "UnreadableError: (its text cannot be shown: it raised RuntimeError)"),
        (ValueError("one\r\ntwo\x1b[31m red \udcff %s"), "ValueError: one two [31m red \\udcff %s"),
        (ValueError("x" * 5_000_000), f"ValueError: {'x' * 300} …"),
        (ValueError(), "ValueError: the handler raised ValueError"),
    ],
)
def test_whatever_an_error_says_is_a_line(log, error, said):
    [line] = log(outcome_of(error, max_ttl=None))

    assert line.partition("again: ")[2] == said
