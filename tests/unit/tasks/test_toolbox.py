import logging
import math
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from fractions import Fraction

import pytest

from pypeline.store.records import Progress
from pypeline.tasks.attempts.output import Output
from pypeline.tasks.attempts.toolbox import NobodyPublishes, Toolbox, Tools, ToolUnavailable

made = []
events = []


class Client:
    """A tool that can be closed; the class is its own factory."""

    def __init__(self):
        made.append(self)

    def __enter__(self):
        raise AssertionError("what has close() is not entered")

    def __exit__(self, *exc):
        raise AssertionError("nor left")

    def close(self):
        events.append("client closed")


@contextmanager
def make_session():
    events.append("entered")
    yield "session"
    events.append("left")


def make_plain():
    return {"plain": True}


def make_broken():
    made.append("tried")
    raise ConnectionError("no route to the warehouse")


def make_bad_closer():
    class Bad:
        def close(self):
            raise OSError("already gone")

    return Bad()


@pytest.fixture(autouse=True)
def _fresh():
    made.clear()
    events.clear()


@pytest.fixture
def importable(monkeypatch):
    """Lets factories be named as `tools_here.<function>`."""
    import sys

    monkeypatch.setitem(sys.modules, "tools_here", sys.modules[__name__])


@pytest.fixture
def toolbox(importable):
    return Toolbox(
        {
            "client": "tools_here.Client",
            "session": "tools_here.make_session",
            "plain": "tools_here.make_plain",
            "broken": "tools_here.make_broken",
            "bad_closer": "tools_here.make_bad_closer",
            "nowhere": "tools_here.nothing_of_the_kind",
            "method": "tools_here.Client.close",
        }
    )


def make_tools(toolbox, output=None, **kwargs):
    return Tools(toolbox, handler="demo.tasks.clean", output=output or Output(), **kwargs)


def test_a_tool_is_made_when_it_is_first_asked_for_and_once(toolbox):
    assert made == []

    assert toolbox.get("client") is toolbox.get("client") is made[0]
    assert len(made) == 1


def test_threads_that_ask_together_get_one_tool(toolbox):
    together = threading.Barrier(8, timeout=10)

    def ask(_):
        together.wait()
        return toolbox.get("client")

    with ThreadPoolExecutor(8) as pool:
        clients = set(pool.map(ask, range(8)))

    assert clients == set(made)
    assert len(made) == 1


def test_a_factory_that_is_a_context_manager_is_entered_and_left(toolbox):
    assert toolbox.get("session") == "session"
    assert events == ["entered"]
    toolbox.close()
    assert events == ["entered", "left"]


def test_tools_are_closed_in_reverse_order_and_made_again_if_asked_for(toolbox):
    toolbox.get("client")
    toolbox.get("plain")
    toolbox.get("session")
    toolbox.close()

    assert events == ["entered", "left", "client closed"]
    toolbox.close()
    assert len(events) == 3
    assert toolbox.get("client") is made[1]


def test_a_tool_that_cannot_be_closed_does_not_keep_the_others_open(toolbox, caplog):
    toolbox.get("client")
    toolbox.get("bad_closer")
    toolbox.close()

    assert events == ["client closed"]
    assert "tool 'bad_closer' did not close" in caplog.text


def test_a_failing_factory_names_the_tool_and_is_called_again_next_time(toolbox):
    for _ in range(2):
        with pytest.raises(ToolUnavailable) as caught:
            toolbox.get("broken")
        assert str(caught.value) == (
            "tool 'broken': its factory tools_here.make_broken failed: "
            "ConnectionError: no route to the warehouse"
        )
        assert isinstance(caught.value.__cause__, ConnectionError)
    assert made == ["tried", "tried"]


def test_a_factory_that_is_not_there_names_the_tool(toolbox):
    with pytest.raises(ToolUnavailable, match=r"tool 'nowhere': .*nothing_of_the_kind"):
        toolbox.get("nowhere")


def test_a_factory_that_needs_an_instance_says_what_to_do(toolbox):
    said = r"^tool 'method': its factory tools_here\.Client\.close cannot be used: is a method of an instance"
    with pytest.raises(ToolUnavailable, match=said):
        toolbox.get("method")


def test_an_unknown_name_is_no_tool(toolbox):
    with pytest.raises(KeyError):
        toolbox.get("hammer")


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_makes_its_own_tool_and_does_not_close_its_parents(toolbox):
    toolbox.get("client")
    child = os.fork()
    if not child:
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(20)  # a child that hangs must not hold up its parent
            toolbox.close()
            untouched = events == []
            own = toolbox.get("client") is not made[0]
            toolbox.close()
            os._exit(0 if untouched and own and events == ["client closed"] else 1)
        finally:
            os._exit(2)

    assert os.waitpid(child, 0)[1] == 0
    assert toolbox.get("client") is made[0]


def test_a_handler_reaches_each_tool_by_its_name(toolbox):
    assert make_tools(toolbox).plain == {"plain": True}


def test_an_unknown_tool_is_answered_with_those_that_there_are(toolbox):
    tools = make_tools(toolbox)

    with pytest.raises(AttributeError) as caught:
        _ = tools.shovel
    assert str(caught.value) == (
        "no tool 'shovel'; there are: bad_closer, broken, cancelled, client, log, method, nowhere, plain, "
        "progress, publish, publish_in_batches, session"
    )
    assert dir(tools)[-1] == "session"
    assert getattr(tools, "hammer", None) is None


def test_the_log_is_kept_with_the_attempt(toolbox):
    output = Output()
    tools = make_tools(toolbox, output)
    tools.log.info("read %d rows", 3)

    assert tools.log is tools.log
    assert isinstance(tools.log, logging.Logger)
    assert output.text().endswith(" INFO demo.tasks.clean: read 3 rows\n")


def test_progress_is_passed_on(toolbox):
    heard = []
    tools = make_tools(toolbox, on_progress=heard.append)
    tools.progress(3, 10)
    tools.progress(Fraction(1, 2))

    assert heard == [Progress(3.0, 10.0), Progress(0.5)]


@pytest.mark.parametrize(("done", "total"), [(math.nan, 1), (1, math.inf), ("many", 2), (None, 1)])
def test_progress_that_is_no_number_is_an_error_of_the_handlers(toolbox, done, total):
    with pytest.raises((TypeError, ValueError)):
        make_tools(toolbox).progress(done, total)


class Recorder:
    """A publisher that answers what it was asked."""

    def publish(self, *args, **kwargs):
        return args, kwargs

    def publish_in_batches(self, *args, **kwargs):
        return args, kwargs


def test_what_a_handler_publishes_goes_through_its_worker(toolbox):
    toolbox.publisher = Recorder()
    tools = make_tools(toolbox)

    assert tools.publish("a.b", {}, track=False) == (("a.b", {}), {"track": False})
    assert tools.publish_in_batches("a.b", [1], "q") == (("a.b", [1], "q"), {})


def test_outside_of_a_worker_publishing_says_where_it_works(toolbox):
    with pytest.raises(NobodyPublishes, match=r"elsewhere call pypeline\.publish"):
        make_tools(toolbox).publish("a.b", {})


def test_progress_that_nobody_hears_is_no_error(toolbox):
    assert make_tools(toolbox).progress(1) is None


def test_cancelled_is_asked_each_time(toolbox):
    answers = iter([False, True])
    tools = make_tools(toolbox, is_cancelled=lambda: next(answers))

    assert (tools.cancelled, tools.cancelled) == (False, True)
    assert make_tools(toolbox).cancelled is False
