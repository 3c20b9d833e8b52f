"""What the live view draws: never more than there is room for, the worst first."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from pypeline.cli.looking import Row, Snapshot
from pypeline.cli.marks import bar, mark, tally
from pypeline.cli.progress import LineView, LiveView, live_picture, view_for
from pypeline.runs.outcome import ErrorInfo
from pypeline.runs.states import NodeState, RunState
from pypeline.store.records import Progress, RunRecord

NOW = datetime.now(UTC)


def run_of(counts, state=RunState.RUNNING):
    return RunRecord(
        run_id="0123456789abcdef",
        app="app",
        pipeline_id="demo",
        definition_id="d",
        broker="memory://",
        state=state,
        flag=None,
        trigger="cli",
        payload={},
        created_at=NOW,
        started_at=NOW,
        finished_at=None,
        error=None,
        counts=counts,
    )


def row(name="node", state=NodeState.SUCCESS, **changes):
    values = {
        "item": None,
        "started_at": NOW,
        "finished_at": None,
        "attempt": 1,
        "why": None,
        "error": None,
        **changes,
    }
    return Row(name=name, state=state, **values)


def console(width=100, height=24, **options):
    return Console(
        file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None, **options
    )


def drawn(snapshot, *, width=100, room=20):
    screen = console(width)
    screen.print(live_picture(snapshot, screen, room=room))
    return screen.file.getvalue().splitlines()


@given(st.lists(st.sampled_from(NodeState), max_size=60), st.integers(1, 40), st.integers(40, 200))
def test_a_picture_fits_its_room(states, room, width):
    rows = tuple(row(f"a-node-with-a-name-{at}", state, why="waits " * 30) for at, state in enumerate(states))
    counts = {state: states.count(state) for state in NodeState}

    lines = drawn(Snapshot(run_of(counts), rows), width=width, room=room)

    assert len(lines) <= room + 2
    assert all(len(line) <= width for line in lines)


def test_where_there_is_no_room_what_failed_is_shown_first():
    rows = (*(row(f"ok{at}") for at in range(30)), row("broken", NodeState.FAILED))
    counts = {NodeState.SUCCESS: 30, NodeState.FAILED: 1}

    lines = drawn(Snapshot(run_of(counts), rows), room=3)

    assert any("broken" in line for line in lines)
    assert "1 failed, 30 success" in lines[-1]


def test_the_head_counts_what_has_ended():
    counts = {NodeState.SUCCESS: 6_000, NodeState.QUEUED: 4_000}

    head, *_ = drawn(Snapshot(run_of(counts), ()))

    assert "6,000 of 10,000" in head


def test_items_attempts_and_errors_stand_beside_their_node():
    error = ErrorInfo("ValueError", "not\nthis")
    rows = (
        row("map", NodeState.RUNNING, done=2, total=9),
        row("again", NodeState.RETRYING, attempt=2, error=error),
    )

    lines = drawn(Snapshot(run_of({NodeState.RUNNING: 2}), rows))

    assert "2 of 9 items" in lines[1]
    assert "attempt 2  ValueError: not this" in lines[2]


def test_one_failure_of_ten_thousand_shows_in_the_bar():
    line = bar({NodeState.SUCCESS: 9_999, NodeState.FAILED: 1}, width=20)

    assert len(line) == 20
    assert line.spans[0].style == "bold red"


@given(st.dictionaries(st.sampled_from(NodeState), st.integers(0, 10**6)), st.integers(1, 60))
def test_a_bar_has_its_width(counts, width):
    assert len(bar(counts, width=width)) == width


def test_every_state_has_a_mark_of_its_own():
    assert len({str(mark(state)) for state in NodeState}) == len(NodeState)


def test_a_tally_leaves_out_what_is_not_there():
    assert (
        tally({NodeState.FAILED: 1, NodeState.SUCCESS: 2_000, NodeState.QUEUED: 0}).plain
        == "1 failed, 2,000 success"
    )


def test_lines_are_printed_on_a_change_only():
    screen = console()
    view = LineView(screen)
    snapshot = Snapshot(run_of({NodeState.RUNNING: 1}), ())

    with view:
        view.show(snapshot)
        view.show(snapshot)

    assert screen.file.getvalue() == "demo: running, 1 running\n"


def test_lines_become_rare():
    clock = iter(range(10_000))
    screen = console()
    view = LineView(screen, clock=lambda: float(next(clock)))

    for done in range(5_000):
        view.show(Snapshot(run_of({NodeState.SUCCESS: done}), ()))

    assert 20 < len(screen.file.getvalue().splitlines()) < 250


def test_a_quiet_view_says_sentences_only():
    screen = console()
    view = LineView(screen, quiet=True)

    view.begin("r", "demo")
    view.show(Snapshot(run_of({}), ()))
    view.say("Cancelling.")

    assert screen.file.getvalue() == "Cancelling.\n"


def test_a_terminal_gets_the_live_view(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")

    assert isinstance(view_for(console()), LiveView)


@pytest.mark.parametrize("options", [{"no_color": True}, {"force_terminal": False}])
def test_everything_else_gets_lines(options):
    assert isinstance(view_for(Console(file=io.StringIO(), **{"force_terminal": True, **options})), LineView)


def test_a_live_view_leaves_nothing_behind_but_what_was_said():
    screen = console(height=10)
    view = LiveView(screen)
    rows = tuple(row(f"n{at}") for at in range(50))

    with view:
        view.show(Snapshot(run_of({NodeState.SUCCESS: 50}), rows))
        view.say("Cancelling.")

    assert view.room == 6
    assert "Cancelling." in screen.file.getvalue()
    assert screen.file.getvalue().rstrip().endswith("\x1b[2K")


def test_what_a_running_handler_says_stands_beside_its_node():
    rows = (
        row("count", NodeState.RUNNING, progress=Progress(1200.0, 3000.0)),
        row("crawl", NodeState.RUNNING, progress=Progress(0.5)),
        row("ended", NodeState.SUCCESS, progress=Progress(9.0, 9.0)),
    )

    lines = drawn(Snapshot(run_of({NodeState.RUNNING: 2, NodeState.SUCCESS: 1}), rows))

    assert "1,200 of 3,000" in lines[1]
    assert "0.5 done" in lines[2]
    assert "9 of 9" not in lines[3]


def test_lines_tell_the_progress_of_the_first_few_that_run():
    screen = console(200)
    rows = tuple(row(f"n{at}", NodeState.RUNNING, progress=Progress(at, 10)) for at in range(5))

    LineView(screen).show(Snapshot(run_of({NodeState.RUNNING: 5}), rows))

    said = screen.file.getvalue()
    assert said.endswith("; n0 0 of 10; n1 1 of 10; n2 2 of 10\n")
