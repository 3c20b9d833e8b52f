"""Which schedulers live."""

from __future__ import annotations

from timetable import of_another_app


def test_a_scheduler_that_beats_is_seen(store, age):
    store.schedules.beat("b", "1.0")
    age(30)
    store.schedules.beat("a", "1.1")

    first, second = store.schedules.beats()
    assert (first.beat_id, first.version) == ("a", "1.1")
    assert (second.beat_id, second.version) == ("b", "1.0")
    assert first.silent < 30 <= second.silent


def test_a_beat_renews_and_keeps_when_it_began(store, age):
    store.schedules.beat("a", "1.0")
    age(30)
    (before,) = store.schedules.beats()

    store.schedules.beat("a", "1.0")

    (after,) = store.schedules.beats()
    assert (after.started_at, after.silent < before.silent) == (before.started_at, True)


def test_a_scheduler_that_ends_well_is_forgotten(store):
    store.schedules.beat("a", "1.0")

    store.schedules.forget_beat("a")

    assert store.schedules.beats() == []


def test_one_that_is_silent_for_a_day_is_forgotten(store, age):
    store.schedules.beat("a", "1.0")
    age(86_401)
    assert store.schedules.beats() == []

    store.schedules.beat("b", "1.0")

    counted = store._connections.read(lambda tx: tx.one("SELECT count(*) FROM pypeline_beat"))
    assert counted == (1,)


def test_each_application_has_its_own(store):
    store.schedules.beat("a", "1.0")

    assert of_another_app(store).beats() == []
