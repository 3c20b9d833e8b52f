"""Lines that threads and greenlets send on in turn."""

from __future__ import annotations

import threading

import pytest

from pypeline.errors import DispatchFailed
from pypeline.tasks.brokers.shared_lines import SharedLines


class Line:
    errors = (OSError,)

    def __init__(self):
        self.closed = False

    def close(self):
        self.closed = True


@pytest.fixture
def made():
    return []


@pytest.fixture
def lines(made):
    def make():
        made.append(Line())
        return made[-1]

    return SharedLines(make)


def fail_with(error):
    def send(_):
        raise error

    return send


def use_at_once(lines, number):
    """Let so many threads have a line at the same moment; answers the lines."""
    together, used = threading.Barrier(number, timeout=20), []

    def send(line):
        used.append(line)
        together.wait()

    threads = [threading.Thread(target=lines.use, args=(send,)) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return used


def test_threads_one_after_another_use_one_line(lines, made):
    for _ in range(20):
        use_at_once(lines, 1)

    assert len(made) == 1


def test_threads_at_once_use_one_each(lines):
    assert len(set(use_at_once(lines, 5))) == 5


def test_a_few_stay_open_for_those_who_come(lines, made):
    use_at_once(lines, 25)

    assert sum(not line.closed for line in made) == 10


def test_a_line_that_breaks_is_closed_and_its_error_answered(lines, made):
    broken = OSError("gone")

    assert lines.use(fail_with(broken)) is broken
    assert lines.use(lambda _: None) is None
    assert [line.closed for line in made] == [True, False]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_a_line_that_was_left_in_the_midst_of_a_message_is_closed(lines, made, error):
    with pytest.raises(error):
        lines.use(fail_with(error()))

    assert made[0].closed


def test_a_line_on_which_the_broker_refuses_is_kept(lines, made):
    with pytest.raises(DispatchFailed):
        lines.use(fail_with(DispatchFailed("the broker takes no messages")))

    lines.use(lambda _: None)
    assert len(made) == 1


def test_a_second_try_is_on_a_line_that_is_new(lines):
    use_at_once(lines, 2)
    used = []

    lines.use(used.append, anew=True)
    lines.use(used.append)

    assert used[0] is used[1]


def test_what_was_closed_is_made_anew(lines, made):
    use_at_once(lines, 2)
    lines.close()
    lines.close()
    lines.use(lambda _: None)

    assert [line.closed for line in made] == [True, True, False]


@pytest.mark.parametrize("close", [True, False])
def test_what_came_through_a_fork_is_the_parents(monkeypatch, lines, made, close):
    lines.use(lambda _: None)
    monkeypatch.setattr("pypeline.tasks.brokers.shared_lines.os.getpid", lambda: -1)
    if close:
        lines.close()
    lines.use(lambda _: None)

    assert len(made) == 2
    assert not made[0].closed


def test_what_the_parent_gave_back_waits_for_the_parent(monkeypatch, lines, made):
    lines.use(lambda _: None)
    with monkeypatch.context() as child:
        child.setattr("pypeline.tasks.brokers.shared_lines.os.getpid", lambda: -1)
        lines.use(lambda _: None)
    lines.use(lambda _: None)

    assert len(made) == 2
