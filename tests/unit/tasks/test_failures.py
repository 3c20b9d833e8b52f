import math
import subprocess
import sys
import types
from textwrap import dedent

import pytest
from billiard.exceptions import SoftTimeLimitExceeded
from celery.exceptions import WorkerShutdown

from pypeline.errors import Fail, RetryLater, Skip
from pypeline.runs.outcome import ErrorInfo, Failed, Postponed, SkippedByHandler
from pypeline.tasks.attempts.encoding import ResultTooLarge
from pypeline.tasks.attempts.failures import ends_the_worker, error_info, outcome_of, time_limit_info
from pypeline.tasks.limits.timeouts import SoftTimeLimit


def raised(error):
    try:
        raise error
    except BaseException as caught:  # noqa: BLE001 - any kind
        return caught


def outcome(error, max_ttl=None):
    return outcome_of(raised(error), max_ttl=max_ttl)


def test_fail_is_final_and_skip_skips_with_its_reason():
    failed = outcome(Fail("no such file"))

    assert (failed.final, failed.error.type, failed.error.message) == (True, "Fail", "no such file")
    assert outcome(Skip("nothing new")) == SkippedByHandler("nothing new")
    assert outcome(Skip()) == SkippedByHandler("the handler raised Skip")


@pytest.mark.parametrize(
    ("asked", "waits"),
    [(5, 5.0), (-1, 0.0), (math.inf, 366 * 86_400.0), (10**12, 366 * 86_400.0)],
)
def test_retry_later_postpones_within_what_a_database_can_hold(asked, waits):
    assert outcome(RetryLater(asked, "the API is busy")) == Postponed(waits, "the API is busy")


def test_retry_later_takes_no_nan():
    with pytest.raises(ValueError, match="not NaN"):
        RetryLater(math.nan)


def test_a_retry_later_whose_time_was_lost_is_made_again_at_once():
    class Busy(RetryLater):
        def __init__(self):
            pass

    class Odd(RetryLater):
        def __init__(self):
            super().__init__(1)
            self.seconds = math.nan if self.args else "soon"

    assert outcome(Busy()) == Postponed(0.0, "the handler raised Busy")
    assert outcome(Odd()).seconds == 0.0


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError("bad row"), "bad row"),
        (KeyError("day"), "'day'"),
        (MemoryError(), "the handler raised MemoryError"),
        (KeyboardInterrupt(), "the handler raised KeyboardInterrupt"),
        (GeneratorExit(), "the handler raised GeneratorExit"),
        (SystemExit(3), "the handler called sys.exit(3)"),
        (SystemExit(), "the handler called sys.exit()"),
        (SystemExit("bye"), "the handler called sys.exit('bye')"),
        (RuntimeError("caf\udce9\0"), "caf\\udce9\\x00"),
    ],
)
def test_any_other_error_is_a_failure_with_its_type_and_what_it_said(error, message):
    failed = outcome(error)

    assert isinstance(failed, Failed)
    assert not failed.final
    assert (failed.error.type, failed.error.message) == (type(error).__name__, message)
    assert "in raised" in failed.error.traceback


def test_an_error_that_cannot_be_shown_is_a_failure_all_the_same():
    class Broken(BaseException):
        def __str__(self):
            raise KeyboardInterrupt

        __repr__ = __str__

    failed = outcome(Broken())

    assert failed.error.type == "Broken"
    assert failed.error.message == "(its text cannot be shown: it raised KeyboardInterrupt)"


def test_an_error_that_cannot_even_be_formatted_has_no_traceback():
    class Worse(Exception):  # noqa: N818
        @property
        def __notes__(self):
            raise SystemExit

    failed = outcome(Worse("worse"))

    assert failed.error.message == "worse"
    assert failed.error.traceback is None


def test_an_exit_code_that_cannot_be_shown_is_a_failure_all_the_same():
    class Broken:
        def __repr__(self):
            raise ValueError

    assert "its text cannot be shown" in outcome(SystemExit(Broken())).error.message


def test_long_messages_and_tracebacks_are_cut_in_the_middle():
    failed = outcome(ValueError("x" * 100_000))

    assert len(failed.error.message) < 5000
    assert len(failed.error.traceback) < 17_000
    assert "bytes left out" in failed.error.message


def test_the_cause_of_an_error_is_kept():
    def handler():
        try:
            {}["day"]
        except KeyError as error:
            raise ValueError("no day") from error

    with pytest.raises(ValueError, match="no day") as caught:
        handler()
    trace = error_info(caught.value).traceback

    assert "KeyError: 'day'" in trace
    assert "the direct cause" in trace


def test_the_frames_of_the_caller_are_left_out():
    module = types.ModuleType("pypeline.tasks.caller")
    exec("def call(function):\n    function()\n", vars(module))  # a frame of that module

    def handler():
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine") as caught:
        module.call(handler)
    caught.value.__traceback__ = caught.value.__traceback__.tb_next
    trace = error_info(caught.value).traceback

    assert "in handler" in trace
    assert "in call" not in trace


def test_an_error_that_was_never_raised_has_a_traceback_of_one_line():
    assert error_info(ValueError("bad")) == ErrorInfo("ValueError", "bad", "ValueError: bad\n")


def test_an_unusable_result_is_a_failure_without_a_traceback():
    assert outcome(ResultTooLarge("too much")) == Failed(ErrorInfo("ResultTooLarge", "too much"))


@pytest.mark.parametrize("error", [SoftTimeLimit(), SoftTimeLimitExceeded()])
def test_an_exceeded_time_limit_says_after_how_long(error):
    failed = outcome(error, max_ttl=90.0)

    assert (failed.error.type, failed.error.message) == ("TimeLimitExceeded", "timed out after 90 s")
    assert "in raised" in failed.error.traceback
    assert time_limit_info(None) == ErrorInfo("TimeLimitExceeded", "timed out")


def test_what_a_handler_raises_does_not_end_the_worker():
    for error in (SystemExit(3), KeyboardInterrupt(), ValueError()):
        assert not ends_the_worker(raised(error))
    assert not ends_the_worker(SystemExit())


def test_celerys_own_exits_end_the_worker():
    assert ends_the_worker(raised(WorkerShutdown(0)))


def test_the_signal_that_ends_a_process_of_the_pool_ends_the_worker():
    program = dedent("""
        import os, signal
        from billiard.common import reset_signals
        from pypeline.tasks.attempts.failures import ends_the_worker

        reset_signals(full=True)
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            signal.sigtimedwait([], 5)
        except SystemExit as error:
            os._exit(0 if ends_the_worker(error) else 1)
    """)

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
