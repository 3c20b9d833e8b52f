"""What a scheduler does when its database comes and goes."""

from __future__ import annotations

import logging

import pytest

from pypeline.errors import DatabaseUnavailable, SchemaNotReady
from pypeline.store.schedules.records import BroughtIn
from pypeline.tasks.scheduling import rounds
from pypeline.tasks.scheduling.rounds import Desk, Rounds

AWAY = DatabaseUnavailable("postgresql://host/runs", OSError("refused"))


class Office:
    """Opens desks and writes down what is done at them; ``faults`` are raised by the next ones."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.faults: dict[str, list[Exception]] = {}
        self.brought = BroughtIn()

    def fails(self, name, *faults):
        self.faults[name] = list(faults)

    def do(self, name, answer=None):
        if self.faults.get(name):
            raise self.faults[name].pop(0)
        self.done.append(name)
        return answer

    def open(self):
        self.do("open")
        return Desk(
            tick=lambda: self.do("tick", 0.25),
            bring_in=lambda: self.do("bring in", self.brought),
            beat=lambda: self.do("beat"),
            retire=lambda: self.do("retire"),
            close=lambda: self.do("close"),
        )


@pytest.fixture
def office():
    return Office()


@pytest.fixture
def said(caplog):
    """What the log says of it, each with its level."""
    caplog.set_level(logging.INFO)
    return lambda: [(record.levelname, record.message) for record in caplog.records]


def test_the_first_round_opens_brings_in_and_says_that_it_lives_before_it_fires(office):
    wait = Rounds(office.open).round()

    assert wait == 0.25
    assert office.done == ["open", "bring in", "beat", "tick"]


def test_later_rounds_only_fire_until_the_next_sign_of_life(office, monkeypatch):
    scheduler = Rounds(office.open)
    scheduler.round()
    scheduler.round()
    now = rounds.time.monotonic()
    monkeypatch.setattr(rounds.time, "monotonic", lambda: now + 5.1)
    scheduler.round()

    assert office.done[4:] == ["tick", "beat", "tick"]


@pytest.mark.parametrize("fault", [AWAY, SchemaNotReady("run `pypeline db upgrade`"), RuntimeError("odd")])
@pytest.mark.parametrize("step", ["open", "beat", "tick"])
def test_what_fails_is_tried_again_with_growing_pauses(office, step, fault):
    office.fails(step, *[fault] * 8)
    scheduler = Rounds(office.open)

    pauses = [scheduler.round() for _ in range(9)]

    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 0.25]
    assert office.done.count("bring in") == 1


def test_the_log_says_once_that_the_database_is_away_and_once_that_it_is_back(office, said):
    scheduler = Rounds(office.open)
    scheduler.round()
    office.fails("tick", AWAY, AWAY, AWAY)

    for _ in range(5):
        scheduler.round()

    assert said()[1:] == [
        ("WARNING", f"the scheduler waits, and tries again: {AWAY}"),
        ("INFO", "the scheduler works again"),
    ]


def test_a_database_that_is_away_at_first_gets_the_files_schedules_later(office):
    office.fails("bring in", AWAY)
    scheduler = Rounds(office.open)

    scheduler.round()
    scheduler.round()

    assert office.done == ["open", "bring in", "beat", "tick"]


def test_schedules_of_users_go_on_where_those_of_the_file_cannot_be_brought_in(office, said):
    office.fails("bring in", ValueError("odd"))
    scheduler = Rounds(office.open)

    assert [scheduler.round(), scheduler.round()] == [0.25, 0.25]
    assert [level for level, _ in said()] == ["ERROR"]


def test_the_log_names_what_the_file_changed_and_what_was_left_out(office, said):
    office.brought = BroughtIn(created=("a", "b"), updated=("c",), taken=("d",))

    Rounds(office.open).round()

    assert said() == [
        ("INFO", "schedules of the configuration: 2 new (a, b), 1 changed (c)"),
        (
            "WARNING",
            (
                "left out of the configuration's schedules, since users have schedules of these ids: d; "
                "rename them in the file, or delete the users'"
            ),
        ),
    ]


@pytest.mark.parametrize(
    ("is_named", "hint"),
    [(True, ""), (False, "; set PYPELINE_APP if another application shares this database")],
)
def test_the_log_warns_of_what_is_retired_and_says_whose_it_is(office, said, is_named, hint):
    office.brought = BroughtIn(retired=("a",))

    Rounds(office.open, app="shop", is_named=is_named).round()

    assert said() == [
        ("INFO", "schedules of the configuration: 1 retired (a)"),
        (
            "WARNING",
            f"application shop: schedules that its configuration does not have any more are retired: a{hint}",
        ),
    ]


def test_it_ends_without_a_trace_and_only_once(office):
    scheduler = Rounds(office.open)
    scheduler.round()
    scheduler.end()
    scheduler.end()

    assert office.done[4:] == ["retire", "close"]


def test_it_ends_also_while_the_database_is_away(office):
    scheduler = Rounds(office.open)
    scheduler.round()
    office.fails("retire", AWAY)
    scheduler.end()

    assert office.done[4:] == ["close"]


def test_one_that_never_opened_ends_too(office):
    Rounds(office.open).end()

    assert office.done == []
