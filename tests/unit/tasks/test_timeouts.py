import threading
import time
from functools import partial

import pytest

from pypeline.tasks.limits.timeouts import SoftTimeLimit, Watchdog

SOON = 0.02
FOREVER = 30.0


class Expiries:
    """Collects what a watchdog reports, and wakes who waits for it."""

    def __init__(self):
        self.subjects = []
        self.happened = threading.Event()

    def __call__(self, subject):
        self.subjects.append(subject)
        self.happened.set()


@pytest.fixture
def expiries():
    return Expiries()


@pytest.fixture
def watchdog(expiries):
    watchdog = Watchdog(expiries, grace=SOON)
    yield watchdog
    watchdog.close()


@pytest.fixture
def patient(expiries):
    watchdog = Watchdog(expiries, grace=FOREVER)
    yield watchdog
    watchdog.close()


def busy_until(condition, watch=None):
    """Python code that runs until then, or until it is interrupted."""
    end = time.monotonic() + FOREVER
    while not condition():
        assert time.monotonic() < end, "nothing interrupted it"


def never():
    return False


def test_a_function_within_its_limit_returns_its_value(patient):
    assert patient.run(lambda watch: "done", limit=FOREVER, subject="a") == "done"


def test_a_function_past_its_limit_is_interrupted(patient):
    with pytest.raises(SoftTimeLimit):
        patient.run(lambda watch: busy_until(never), limit=SOON, subject="a")


def test_an_error_of_the_function_is_raised_as_it_is(patient):
    with pytest.raises(ZeroDivisionError):
        patient.run(lambda watch: 1 / 0, limit=FOREVER, subject="a")


def test_a_function_that_swallows_the_interruption_may_finish(patient, expiries):
    def stubborn(watch):
        try:
            busy_until(never)
        except SoftTimeLimit:
            return "cleaned up"

    assert patient.run(stubborn, limit=SOON, subject="a") == "cleaned up"
    assert expiries.subjects == []


def test_a_function_that_goes_on_is_reported_with_its_subject_while_it_runs(watchdog, expiries):
    def stuck(watch):
        try:
            busy_until(never)
        except SoftTimeLimit:
            assert expiries.happened.wait(FOREVER)
        return "late"

    assert watchdog.run(stuck, limit=SOON, subject="node 7") == "late"
    assert expiries.subjects == ["node 7"]


def test_a_function_is_interrupted_once_however_long_it_goes_on(watchdog, expiries):
    interruptions = []

    def stuck(watch):
        while not expiries.happened.is_set():
            try:
                busy_until(expiries.happened.is_set)
            except SoftTimeLimit:
                interruptions.append(watch)

    watchdog.run(stuck, limit=SOON, subject="a")

    assert len(interruptions) == 1


def test_several_threads_have_limits_of_their_own(patient):
    ends = {}

    def attempt(name, limit, condition):
        try:
            patient.run(lambda watch: busy_until(condition), limit=limit, subject=name)
            ends[name] = "returned"
        except SoftTimeLimit:
            ends[name] = "interrupted"

    short = threading.Thread(target=attempt, args=("short", SOON, never))
    long = threading.Thread(target=attempt, args=("long", FOREVER, lambda: "short" in ends))
    for thread in (long, short):
        thread.start()
    for thread in (long, short):
        thread.join()

    assert ends == {"short": "interrupted", "long": "returned"}


def test_nothing_is_raised_once_the_function_has_ended(patient):
    """The limit falls before, on, and after the end of the function, again and again."""
    returned = interrupted = 0
    for round_ in range(100):
        # The watchdog wakes into a busy interpreter: up to a switch interval (5 ms) after its time.
        limit = 0.002 + (round_ % 20) * 0.0005
        end = time.monotonic() + 0.010
        try:
            patient.run(partial(busy_until, partial(is_past, end)), limit=limit, subject="a")
            returned += 1
        except SoftTimeLimit:
            interrupted += 1
        busy_until(partial(is_past, end + 0.001))

    assert (returned > 0, interrupted > 0) == (True, True)
    assert patient._active == set()


def is_past(end):
    return time.monotonic() > end


def test_an_interruption_that_comes_after_the_function_is_taken_back(patient):
    """As if the limit fell between the function's last step and the end of the watch."""

    def interrupted_from_another_thread(watch):
        taken, done = threading.Event(), threading.Event()

        def interrupt():
            with patient._lock:
                taken.set()
                patient._interrupt(watch)
            done.set()

        thread = threading.Thread(target=interrupt)
        thread.start()
        taken.wait()
        return thread

    try:
        thread = patient.run(interrupted_from_another_thread, limit=FOREVER, subject="a")
        thread.join()
    except SoftTimeLimit:
        pass
    busy_until(iter([False] * 1000 + [True]).__next__)

    assert patient._active == set()


def test_a_watch_may_have_a_way_of_its_own_to_interrupt(patient):
    asked = threading.Event()

    def waits(watch):
        watch.interrupt = asked.set
        assert asked.wait(FOREVER)
        return watch.interrupted

    assert patient.run(waits, limit=SOON, subject="a") is True


def test_the_error_that_is_raised_can_be_chosen(expiries):
    class TooLong(Exception):  # noqa: N818
        pass

    watchdog = Watchdog(expiries, error=TooLong)
    with pytest.raises(TooLong):
        watchdog.run(lambda watch: busy_until(never), limit=SOON, subject="a")
    watchdog.close()


def test_a_report_that_fails_stops_no_other_report(caplog):
    expiries = Expiries()

    def report(subject):
        expiries(subject)
        raise ValueError("the database is away")

    watchdog = Watchdog(report, grace=SOON)
    for subject in "ab":
        expiries.happened.clear()
        watchdog.run(lambda watch: waits_out(expiries), limit=SOON, subject=subject)
    watchdog.close()

    assert expiries.subjects == ["a", "b"]
    assert "a timed-out attempt could not be reported" in caplog.text


def waits_out(expiries):
    try:
        busy_until(never)
    except SoftTimeLimit:
        assert expiries.happened.wait(FOREVER)


def test_a_closed_watchdog_watches_nothing_and_leaves_what_runs_alone(expiries):
    watchdog = Watchdog(expiries, grace=SOON)

    def closes(watch):
        watchdog.close()
        return watch.interrupted

    assert watchdog.run(closes, limit=FOREVER, subject="a") is False
    assert watchdog.run(lambda watch: "unwatched", limit=0, subject="b") == "unwatched"
    watchdog.close()
    assert expiries.subjects == []


def test_a_watchdog_that_never_watched_closes(expiries):
    Watchdog(expiries).close()
