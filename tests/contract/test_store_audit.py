"""Who changed what, on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pypeline.store.audit_base import NewAuditEntry
from pypeline.store.sql_store import SqlStore


@pytest.fixture
def note(store):
    """Keeps an entry that differs from a usual one in what is given."""

    def keep(**fields):
        usual = {"actor": "ci", "role": "operator", "action": "run.cancel", "source": "10.0.0.1"}
        return store.audit.note(NewAuditEntry(**(usual | fields)))

    return keep


@pytest.fixture
def found(store):
    """The ids of the entries that are found."""
    return lambda limit=50, **wanted: [entry.entry_id for entry in store.audit.entries(limit=limit, **wanted)]


def test_an_entry_is_read_as_it_was_written(store, note):
    entry_id = note(target="r1", detail={"b": 1, "a": ["ä"]})

    (entry,) = store.audit.entries(limit=9)

    assert (entry.entry_id, entry.actor, entry.role) == (entry_id, "ci", "operator")
    assert (entry.action, entry.target, entry.source) == ("run.cancel", "r1", "10.0.0.1")
    assert list(entry.detail.items()) == [("b", 1), ("a", ["ä"])]
    assert abs(store.clock() - entry.at) < timedelta(minutes=1)
    assert entry.at.utcoffset() == timedelta(0)


def test_what_is_not_said_is_null(store, note):
    note()

    (entry,) = store.audit.entries(limit=9)

    assert (entry.target, entry.detail, entry.status) == (None, None, None)


def test_the_status_of_an_entry_is_known_once_it_is_settled(store, note):
    first, second = note(), note()

    store.audit.settle(first, 202)

    assert {entry.entry_id: entry.status for entry in store.audit.entries(limit=9)} == {
        first: 202,
        second: None,
    }


def test_a_run_is_found_by_what_started_it_and_by_what_was_done_to_it(store, note, found):
    started, cancelled = note(action="run.invoke", target="p"), note(target="r1")
    note(target="r2")

    store.audit.settle(started, 202, "r1")

    assert found(target="r1") == [cancelled, started]
    assert store.audit.entries(limit=1, action="run.invoke")[0].run_id == "r1"


def test_an_entry_is_on_the_disk_before_the_change_is_made(store, note, monkeypatch):
    commits = []
    commit = store._dialect.commit

    def heard(connection, *, durable):
        commits.append(durable)
        commit(connection, durable=durable)

    monkeypatch.setattr(store._dialect, "commit", heard)
    note()

    assert commits == [True]


def test_entries_come_newest_first(note, found):
    made = [note() for _ in range(4)]

    assert found() == made[::-1]
    assert found(limit=2) == made[:1:-1]


def test_a_page_goes_on_below_the_last_entry_while_others_are_written(note, found):
    made = [note() for _ in range(5)]
    first = found(limit=2)
    note()
    second = found(limit=2, before=first[-1])
    note()
    third = found(limit=2, before=second[-1])

    assert first + second + third == made[::-1]


@pytest.mark.parametrize(
    "wanted", [{"actor": "anna"}, {"action": "schedule.run"}, {"target": "nightly"}], ids=str
)
def test_entries_are_found_by_what_they_have(note, found, wanted):
    note()
    one = note(**wanted)
    other = note(**wanted)

    assert found(**wanted) == [other, one]
    assert found(**wanted, before=other) == [one]


def test_all_that_is_named_must_hold(note, found):
    note(actor="anna"), note(target="r1")
    both = note(actor="anna", target="r1")

    assert found(actor="anna", target="r1") == [both]
    assert found(actor="nobody", target="r1") == []


def test_an_application_sees_and_settles_its_own_entries_only(store, note):
    entry_id = note()
    url = store._engine.url.render_as_string(hide_password=False)
    with SqlStore(url, app="other") as other:
        other.audit.settle(entry_id, 200)

        assert other.audit.entries(limit=9) == []
    assert store.audit.entries(limit=9)[0].status is None


def test_pruning_keeps_what_was_noted(store, note, found, age):
    entry_id = note()
    age(10_000)

    store.retention.forget_runs(store.clock(), limit=10)
    store.retention.erase_occurrences(store.clock(), limit=10)
    store.retention.erase_silent(store.clock())

    assert found() == [entry_id]
