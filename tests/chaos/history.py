"""Every move of every node, kept by the database itself, in the transaction that makes it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import psycopg

if TYPE_CHECKING:
    from collections.abc import Iterable

ENDED = frozenset({"success", "failed", "skipped", "cancelled"})
IN_FLIGHT = frozenset({"queued", "running", "retrying"})

_TABLE = """
create table chaos_move (
    seq bigserial primary key,
    at timestamptz not null default clock_timestamp(),
    run_id text not null, name text not null, position int not null, item int not null, maps boolean not null,
    old text, new text not null, attempt int not null, tries int not null, worker text, result text
)
"""
_FUNCTION = """
create function chaos_keep() returns trigger language plpgsql as $$
begin
    insert into chaos_move (run_id, name, position, item, maps, old, new, attempt, tries, worker, result)
    values (new.run_id, new.name, new.position, new.item, new.items is not null,
            case when tg_op = 'UPDATE' then old.state end, new.state, new.attempt, new.tries, new.worker,
            new.result);
    return null;
end $$
"""
_ON_INSERT = """
create trigger chaos_insert after insert on pypeline_node for each row execute function chaos_keep()
"""
_ON_UPDATE = """
create trigger chaos_update after update on pypeline_node for each row
when (old.state is distinct from new.state or old.attempt <> new.attempt or old.tries <> new.tries
      or old.result is distinct from new.result)
execute function chaos_keep()
"""


class Key(NamedTuple):
    """A node of a run, or an item of one."""

    run: str
    position: int
    item: int


@dataclass(frozen=True, slots=True)
class Move:
    """
    One move of a node: ``at`` is in seconds since the epoch, by the database's clock.

    ``maps``: the node's items run in its stead.
    """

    seq: int
    at: float
    key: Key
    name: str
    maps: bool
    old: str | None
    new: str
    attempt: int
    tries: int
    worker: str | None
    result: str | None

    @property
    def is_claim(self) -> bool:
        """True where a worker took an attempt."""
        return self.new == "running" and self.old == "queued" and not self.maps


class History:
    """What happened to the nodes of a database, since `begin`."""

    def __init__(self, url: str) -> None:
        self._url = url

    def begin(self) -> None:
        """Keep every move from now on."""
        with psycopg.connect(self._url) as connection:
            for statement in (_TABLE, _FUNCTION, _ON_INSERT, _ON_UPDATE):
                connection.execute(statement)

    def moves(self, runs: Iterable[str]) -> dict[Key, list[Move]]:
        """The moves of each node and item of these runs, in order: a row's lock keeps that of the numbers."""
        query = """
            select seq, extract(epoch from at)::float8, run_id, position, item, name, maps, old, new, attempt,
                   tries, worker, result
            from chaos_move where run_id = any(%s) order by seq
        """
        with psycopg.connect(self._url) as connection:
            rows = connection.execute(query, [list(runs)]).fetchall()
        found: dict[Key, list[Move]] = {}
        for seq, at, run, position, item, *rest in rows:
            key = Key(run, position, item)
            found.setdefault(key, []).append(Move(seq, at, key, *rest))
        return found


@dataclass(frozen=True, slots=True)
class Recovery:
    """``seconds`` until the last of what was in flight went on, and the moves of that one."""

    seconds: float = 0.0
    last: tuple[Move, ...] = ()


def recovery(moves: dict[Key, list[Move]], since: float) -> Recovery:
    """
    How long after ``since``, in seconds since the epoch, it took until all that was in flight then went on.

    In flight is what is queued, runs or waits for another attempt. It goes on when it is claimed, or ends.
    """
    found = (Recovery(_settled(each, since), tuple(each)) for each in moves.values())
    return max(found, key=lambda one: one.seconds, default=Recovery())


def _settled(moves: list[Move], since: float) -> float:
    before = [move for move in moves if move.at <= since]
    if not before or before[-1].new not in IN_FLIGHT or before[-1].maps:
        return 0.0
    after = (move.at for move in moves if move.at > since and (move.is_claim or move.new in ENDED))
    return next(after, time.time()) - since
