import asyncio
import contextvars
import io
import logging
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from pypeline.tasks.attempts.capture import Capture, attempt_logger, kept_in
from pypeline.tasks.attempts.output import Output


@pytest.fixture
def output():
    return Output()


@pytest.fixture
def real():
    """What a test sets in place of the process's standard output."""
    return io.TextIOWrapper(io.BytesIO(), encoding="latin-1", write_through=True)


@contextmanager
def stdout_set_to(stream):
    # In the test itself: pytest sets the stream anew between a fixture and its test.
    before, sys.stdout = sys.stdout, stream
    try:
        yield
    finally:
        sys.stdout = before


@contextmanager
def capturing(stream, **options):
    with stdout_set_to(stream), Capture(**options) as capture:
        yield capture


def written(stream):
    return stream.buffer.getvalue().decode(stream.encoding)


def test_prints_of_an_attempt_are_kept_and_others_reach_the_real_stream(real, output):
    with capturing(real):
        print("before")
        with kept_in(output):
            print("inside")
            print("wrong", file=sys.stderr)
        print("after")

    assert output.text() == "inside\nwrong\n"
    assert written(real) == "before\nafter\n"


def test_attempts_in_several_threads_keep_their_own():
    together = threading.Barrier(4, timeout=10)

    def attempt(number):
        mine = Output()
        with kept_in(mine):
            for line in range(50):
                print(f"{number}: {line}")
                together.wait()
        return mine.text()

    with Capture(), ThreadPoolExecutor(4) as pool:
        kept = list(pool.map(attempt, range(4)))

    assert kept == ["".join(f"{number}: {line}\n" for line in range(50)) for number in range(4)]


def test_coroutines_and_their_threads_belong_to_the_attempt(output):
    async def handler():
        await asyncio.gather(asyncio.to_thread(print, "thread"), say("task"))

    async def say(word):
        print(word)

    with Capture(), kept_in(output):
        asyncio.run(handler())

    assert sorted(output.text().split()) == ["task", "thread"]


def test_a_thread_of_its_own_prints_to_the_real_stream(real, output):
    with capturing(real), kept_in(output):
        thread = threading.Thread(target=print, args=("alone",), **_without_context())
        thread.start()
        thread.join()

    assert (written(real), output.text()) == ("alone\n", "")


def _without_context():
    """Python 3.14 lets threads inherit the context, unless it is told not to."""
    return {"context": contextvars.Context()} if sys.version_info >= (3, 14) else {}


def test_an_attempt_within_an_attempt_gives_back_what_it_took(output):
    inner = Output()
    with Capture(), kept_in(output):
        with kept_in(inner):
            print("inner")
        print("outer")

    assert (inner.text(), output.text()) == ("inner\n", "outer\n")


def test_an_echo_reaches_the_real_stream_too(real, output):
    with capturing(real, echo=True), kept_in(output):
        print("both")
        sys.stdout.flush()

    assert (written(real), output.text()) == ("both\n", "both\n")


def test_installing_twice_is_installing_once(real):
    real_method = logging.Logger.callHandlers
    with stdout_set_to(real):
        capture = Capture()
        capture.install()
        first = sys.stdout
        capture.install()

        assert sys.stdout is first
        capture.uninstall()
        assert sys.stdout is real
    assert logging.Logger.callHandlers is real_method


def test_uninstalling_leaves_the_streams_that_somebody_else_has_set_since(real):
    with stdout_set_to(real):
        capture = Capture()
        capture.install()
        theirs = sys.stdout = io.StringIO()
        capture.uninstall()

        assert sys.stdout is theirs


def test_uninstalling_what_was_never_installed_does_nothing(real):
    with stdout_set_to(real):
        Capture().uninstall()

        assert sys.stdout is real


def test_outside_of_attempts_the_stream_is_the_real_one(real):
    with capturing(real):
        assert sys.stdout.encoding == "latin-1"
        assert sys.stdout.buffer is real.buffer
        assert sys.stdout.isatty() is False
        assert sys.stdout.writable()
        sys.stdout.writelines(["a", "b\n"])
        sys.stdout.flush()
        with pytest.raises(io.UnsupportedOperation):
            sys.stdout.fileno()

    assert written(real) == "ab\n"


def test_in_an_attempt_the_stream_is_no_terminal(output):
    with capturing(Terminal()):
        assert sys.stdout.isatty()
        with kept_in(output):
            assert not sys.stdout.isatty()
        assert sys.stdout.fileno() == 1


class Terminal(io.StringIO):
    def isatty(self):
        return True

    def fileno(self):
        return 1


def test_in_an_attempt_the_stream_takes_text_and_bytes(real, output):
    with capturing(real), kept_in(output):
        assert sys.stdout.write("four") == 4
        assert sys.stdout.buffer.write("ü\n".encode()) == 3
        assert sys.stdout.buffer.write(memoryview(b"\xff\n")) == 2
        sys.stdout.writelines(["a", "b"])
        sys.stdout.flush()
        sys.stdout.buffer.flush()
        assert sys.stdout.buffer.writable()
        with pytest.raises(TypeError, match="must be str, not int"):
            sys.stdout.write(5)

    assert output.text() == "fourü\n\ufffd\nab"
    assert written(real) == ""


def test_a_process_without_streams_keeps_prints_all_the_same(output):
    with capturing(None):
        assert sys.stdout.write("nowhere") == 7
        sys.stdout.flush()
        assert not sys.stdout.isatty()
        with pytest.raises(AttributeError, match="no such stream"):
            sys.stdout.fileno()
        with kept_in(output):
            print("kept")

    assert output.text() == "kept\n"


def test_log_lines_of_an_attempt_are_kept_with_time_level_and_name(output):
    log = logging.getLogger("demo.tasks")
    with Capture():
        log.warning("before")
        with kept_in(output):
            print("half a line", end="")
            log.warning("found %d", 3)

    first, line = output.text().splitlines()
    assert first == "half a line"
    time, rest = line.split(" ", 1)
    assert rest == "WARNING demo.tasks: found 3"
    assert time.endswith("Z")
    assert len(time) == len("2026-01-01T00:00:00.000Z")


def test_a_logger_that_does_not_propagate_is_heard_where_it_is_named(output):
    log = logging.getLogger("celery.task")
    with Capture(), kept_in(output):
        log.warning("once")
        log.propagate = False
        try:
            logging.getLogger("celery.task.mine").warning("too")
        finally:
            log.propagate = True

    assert [line.split(" ", 1)[1] for line in output.text().splitlines()] == [
        "WARNING celery.task: once",
        "WARNING celery.task.mine: too",
    ]


def test_a_log_line_with_wrong_arguments_stops_nobody(output):
    with keeping_alone(), kept_in(output):
        logging.getLogger("demo").warning("%d", "no number")
        logging.getLogger("demo").warning("next")

    assert "--- Logging error ---" in output.text()
    assert output.text().endswith("WARNING demo: next\n")


def test_outside_of_an_attempt_a_record_goes_where_it_goes_without_us(capsys, output):
    with keeping_alone():
        assert not logging.getLogger("demo").hasHandlers()
        logging.getLogger("demo").warning("seen")
        with kept_in(output):
            logging.getLogger("demo").warning("kept")

    assert capsys.readouterr().err == "seen\n"
    assert len(output.text().splitlines()) == 1


def test_where_two_capture_the_first_that_ends_leaves_the_other_its_records(real, output):
    with stdout_set_to(real):
        first, second = Capture(), Capture()
        first.install()
        second.install()
        first.uninstall()
        with kept_in(output):
            logging.getLogger("demo").warning("kept")
        second.uninstall()

    assert len(output.text().splitlines()) == 1


def test_nothing_is_kept_of_what_is_logged_once_nobody_captures(output):
    with Capture():
        pass
    with kept_in(output):
        logging.getLogger("demo").warning("too late")

    assert output.text() == ""


@contextmanager
def keeping_alone():
    """Without the other handlers of the root, which pytest has made to raise what goes wrong."""
    root = logging.getLogger()
    before, root.handlers = root.handlers, []
    try:
        with Capture():
            yield
    finally:
        root.handlers = before


def test_the_logger_of_an_attempt_keeps_info_from_any_thread(output):
    log = attempt_logger("demo.quiet", output)
    thread = threading.Thread(target=log.info, args=("from a thread",))
    thread.start()
    thread.join()
    log.debug("too fine")

    assert [line.split(" ", 1)[1] for line in output.text().splitlines()] == [
        "INFO demo.quiet: from a thread"
    ]


def test_the_logger_of_an_attempt_reaches_the_process_where_that_is_enabled(caplog, output):
    caplog.set_level(logging.WARNING, logger="demo.quiet")
    caplog.set_level(logging.INFO, logger="demo.heard")
    with Capture(), kept_in(output):
        attempt_logger("demo.heard", output).info("heard")
        attempt_logger("demo.quiet", output).info("not heard")

    assert caplog.messages == ["heard"]
    assert len(output.text().splitlines()) == 2
