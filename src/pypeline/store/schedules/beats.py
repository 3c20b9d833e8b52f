"""The schedulers that live."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pypeline.store.schedules.records import BeatRecord

if TYPE_CHECKING:
    from pypeline.store.connections import Transaction

_DAY = 86_400.0

_SEEN = """
    INSERT INTO pypeline_beat (app, id, version, started_at, seen_at)
    VALUES (:app, :id, :version, now(), now())
    ON CONFLICT (app, id) DO UPDATE SET seen_at = now(), version = excluded.version
"""
_FORGET_SILENT = "DELETE FROM pypeline_beat WHERE app = :app AND seen_at < shift(now(), :age)"
_FORGET = "DELETE FROM pypeline_beat WHERE app = :app AND id = :id"
_BEATS = """
    SELECT id, version, started_at, seen_at, now() FROM pypeline_beat
    WHERE app = :app AND seen_at >= shift(now(), :age) ORDER BY id
"""


def beat(tx: Transaction, beat_id: str, version: str, *, app: str) -> None:
    """Renew a scheduler's row, and drop those of schedulers long gone."""
    tx.run(_SEEN, app=app, id=beat_id, version=version)
    tx.run(_FORGET_SILENT, app=app, age=-_DAY)


def forget(tx: Transaction, beat_id: str, *, app: str) -> None:
    """Drop a scheduler's row."""
    tx.run(_FORGET, app=app, id=beat_id)


def beats(tx: Transaction, *, app: str) -> list[BeatRecord]:
    """The schedulers of an application, as their last beats told."""
    found = []
    for beat_id, version, *times in tx.all(_BEATS, app=app, age=-_DAY):
        started_at, seen_at, now = (tx.dialect.time(value) for value in times)
        found.append(BeatRecord(beat_id, version, started_at, (now - seen_at).total_seconds()))
    return found
