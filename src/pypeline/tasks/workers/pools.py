"""What each of Celery's pools can do for a node, and what it cannot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from celery.concurrency import get_implementation

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class PoolAbilities:
    """
    What a pool can do when a handler does not behave.

    ``soft_limits``: `maxTtl` interrupts a handler. ``hard_limits``: one that does not listen is ended, and
    its slot is free again. ``blocking``: handlers may block, compute, or hold the GIL for longer than a
    lease, and the others of the worker, and its leases, do not suffer.
    """

    soft_limits: bool
    hard_limits: bool
    blocking: bool
    remark: str


POOLS: Mapping[str, PoolAbilities] = {
    "prefork": PoolAbilities(
        soft_limits=True,
        hard_limits=True,
        blocking=True,
        remark="processes: a handler that hangs is killed 10 s past its maxTtl, or past a cancel",
    ),
    "threads": PoolAbilities(
        soft_limits=True,
        hard_limits=False,
        blocking=False,
        remark="a handler that hangs in C is recorded as timed out, but its thread stays taken",
    ),
    "solo": PoolAbilities(
        soft_limits=True,
        hard_limits=False,
        blocking=False,
        remark="one handler at a time; while it runs, the worker does not answer its broker",
    ),
    "gevent": PoolAbilities(
        soft_limits=True,
        hard_limits=False,
        blocking=False,
        remark="limits hold where a handler waits; one that computes stops the whole worker, leases and all",
    ),
    "eventlet": PoolAbilities(
        soft_limits=True,
        hard_limits=False,
        blocking=False,
        remark="as gevent; its authors advise against new use",
    ),
}
"""By the name that ``--pool`` takes."""

_NAMES = {"thread": "threads"}


def pool_name(pool: Any) -> str:
    """The name of a pool that Celery was given, an alias, a path or a class: as ``--pool`` takes it."""
    implementation = get_implementation(pool)
    for base in implementation.__mro__:
        package, _, module = base.__module__.rpartition(".")
        name = _NAMES.get(module, module)
        if package == "celery.concurrency" and name in POOLS:
            return name
    return str(implementation.__name__)
