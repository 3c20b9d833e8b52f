"""
What the store costs: milliseconds of a claim and of a record, without Celery, on SQLite and PostgreSQL.

    python benchmarks/store.py [--nodes 1000 10000] [--connections 1 2 8] [--shapes fan layers] [--json]

Connections are processes on PostgreSQL and threads on SQLite, as in production and embedded. ``claim`` and
``record`` are the means of what a caller waits; ``node`` is the time from the first claim to the end, divided
by the nodes. PostgreSQL is the one of ``--postgresql``; a database is made there, and dropped.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import multiprocessing
import os
import struct
import sys
import tempfile
import time
import uuid
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent))

from pypeline.graph import Dag
from pypeline.runs.outcome import Succeeded
from pypeline.runs.plan import Plan, Step
from pypeline.store.records import AttemptRef, NewRun, Ready
from pypeline.store.schema import upgrade
from pypeline.store.sql_store import SqlStore, opened
from servers import POSTGRESQL, database
from shapes import Shape, chain, fan, layers, small_runs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Executor

SHAPES: dict[str, Callable[[int], Shape]] = {
    "fan": lambda nodes: fan(nodes - 2),
    "layers": lambda nodes: layers(10, nodes // 10, 3),
    "dense": lambda nodes: layers(nodes // 20, 20, 20),
    "chain": chain,
    "small": lambda nodes: small_runs(nodes // 10),
}
_MESSAGE = struct.Struct("iiii")  # which run, position, item, attempt: read and written whole
_STOP = -1
_MOST_AT_ONCE = 4096 // _MESSAGE.size  # what a pipe takes in one piece
_PIPE_SIZE = 1 << 20


@dataclass(frozen=True, slots=True)
class Spent:
    """What one worker waited, in seconds, and for how many nodes."""

    claim: float
    record: float
    nodes: int


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement, in milliseconds; ``create`` for all its runs together."""

    database: str
    shape: str
    nodes: int
    connections: int
    create: float
    claim: float
    record: float
    node: float


class Broker:
    """A pipe of messages that processes and threads share, and one that counts the runs that have ended."""

    def __init__(self) -> None:
        self._reading, self._writing = os.pipe()
        fcntl.fcntl(self._writing, fcntl.F_SETPIPE_SZ, _PIPE_SIZE)
        self._ended, self._ending = os.pipe()

    def close(self) -> None:
        """Give the pipes back."""
        for pipe in (self._reading, self._writing, self._ended, self._ending):
            os.close(pipe)

    def send(self, run: int, ready: tuple[Ready, ...]) -> None:
        """Queue nodes of a run."""
        messages = [_MESSAGE.pack(run, node.position, node.item, node.attempt) for node in ready]
        for start in range(0, len(messages), _MOST_AT_ONCE):
            os.write(self._writing, b"".join(messages[start : start + _MOST_AT_ONCE]))

    def receive(self) -> tuple[int, int, int, int]:
        """The next message."""
        run, position, item, attempt = _MESSAGE.unpack(os.read(self._reading, _MESSAGE.size))
        return run, position, item, attempt

    def run_ended(self) -> None:
        """Count a run."""
        os.write(self._ending, b".")

    def wait(self, runs: int) -> None:
        """Until so many runs have ended."""
        while runs:
            runs -= len(os.read(self._ended, runs))

    def stop(self, workers: int) -> None:
        """Tell the workers to go."""
        for _ in range(workers):
            os.write(self._writing, _MESSAGE.pack(_STOP, 0, 0, 0))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nodes", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 2, 8])
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=["fan", "layers", "chain", "small"])
    parser.add_argument("--databases", nargs="+", choices=DATABASES, default=list(DATABASES))
    parser.add_argument("--postgresql", default=POSTGRESQL, help="URL of the server, without a database")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    rows = [
        measure(name, given.postgresql, SHAPES[shape](nodes), connections)
        for name in given.databases
        for shape in given.shapes
        for nodes in given.nodes
        for connections in given.connections
    ]
    print(json.dumps([asdict(row) for row in rows], indent=2) if given.json else table(rows))


def measure(name: str, server: str, shape: Shape, connections: int) -> Row:
    """One shape on a fresh database."""
    plan = plan_of(shape)
    broker = Broker()
    with DATABASES[name](server) as (url, workers), workers(connections) as pool:
        with SqlStore(url) as store:
            started = time.perf_counter()
            created = [store.create_run(plan, _new_run()) for _ in range(shape.runs)]
            create = time.perf_counter() - started
        run_ids = [one.run_id for one in created]
        spent = [pool.submit(work, url, plan, run_ids, broker) for _ in range(connections)]
        started = time.perf_counter()
        for run, one in enumerate(created):
            broker.send(run, one.ready)
        broker.wait(shape.runs)
        wall = time.perf_counter() - started
        broker.stop(connections)
        done = [one.result() for one in spent]
    broker.close()
    nodes = sum(one.nodes for one in done)
    claim, record = sum(one.claim for one in done), sum(one.record for one in done)
    times = (1000 * seconds for seconds in (create, claim / nodes, record / nodes, wall / nodes))
    return Row(name, shape.name, nodes, connections, *times)


def work(url: str, plan: Plan, run_ids: list[str], broker: Broker) -> Spent:
    """Claim and record what comes, until it is told to stop."""
    claiming = recording = 0.0
    nodes = 0
    with SqlStore(url) as store:
        while (message := broker.receive())[0] != _STOP:
            run, *key = message
            ref = AttemptRef(run_ids[run], *key)
            before = time.perf_counter()
            claim = store.claim(ref, token=uuid.uuid4().hex, worker="w", lease=30)
            claimed = time.perf_counter()
            assert claim is not None, "each message is sent once"
            recorded = store.record(plan, claim, Succeeded("1"))
            recording += time.perf_counter() - claimed
            claiming += claimed - before
            nodes += 1
            broker.send(run, recorded.ready)
            if recorded.finished:
                broker.run_ended()
    return Spent(claiming, recording, nodes)


def plan_of(shape: Shape) -> Plan:
    """The plan of a shape, over a handler that nobody calls."""
    dag = Dag.from_adjacency(shape.adjacency)
    steps = tuple(Step(name, ("nothing",), "benchmark") for name in dag.names)
    definition_id = hashlib.sha256(shape.name.encode()).hexdigest()
    return Plan(shape.pipeline_id, definition_id, {"shape": shape.name}, dag, steps)


def table(rows: list[Row]) -> str:
    """The rows for people."""
    header = (
        f"{'':12}{'':18}{'nodes':>7}{'connections':>13}{'create':>10}{'claim':>8}{'record':>8}{'node':>8}"
    )
    lines = [
        f"{row.database:12}{row.shape:18}{row.nodes:>7,}{row.connections:>13}{row.create:>10.1f}"
        f"{row.claim:>8.3f}{row.record:>8.3f}{row.node:>8.3f}"
        for row in rows
    ]
    return "\n".join([header, *lines])


@contextmanager
def _sqlite(server: str) -> Iterator[tuple[str, Callable[[int], Executor]]]:
    del server
    with tempfile.TemporaryDirectory() as folder:
        yield f"sqlite:///{folder}/runs.db", ThreadPoolExecutor


@contextmanager
def _postgresql(server: str) -> Iterator[tuple[str, Callable[[int], Executor]]]:
    fork = multiprocessing.get_context("fork")
    with database(server) as url:
        with opened(url) as engine:
            upgrade(engine)
        yield url, lambda number: ProcessPoolExecutor(number, mp_context=fork)


DATABASES = {"sqlite": _sqlite, "postgresql": _postgresql}


def _new_run() -> NewRun:
    return NewRun(str(uuid.uuid4()), {}, "python", "memory://benchmark")


if __name__ == "__main__":
    main()
