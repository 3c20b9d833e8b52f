"""Both databases behind one fixture, and a hand that drives one run of a store."""

from __future__ import annotations

import shutil
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import create_engine, text

from pypeline.runs.outcome import ErrorInfo, Failed, Postponed, SkippedByHandler, Succeeded
from pypeline.store import tables
from pypeline.store.records import NODE, AttemptRef, Claim, NewRun, RunFilter
from pypeline.store.schema import upgrade
from pypeline.store.sql_store import SqlStore
from pypeline.store.urls import driver_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pypeline.runs.outcome import Outcome
    from pypeline.runs.plan import Plan
    from pypeline.runs.states import NodeState, RunState
    from pypeline.store.records import NodeRecord, Ready, Recorded

LEASE = 30.0
BROKER = "memory://here"
_TIMES = {
    "node": ("lease_until", "due_at", "sent_at", "queued_at", "started_at", "finished_at"),
    "run": ("created_at", "started_at", "finished_at", "deadline_at"),
    "attempt": ("started_at", "finished_at"),
    "queue": ("sent_at", "claimed_at", "resent_at"),
    "turn": ("swept_at",),
    "definition": ("created_at",),
    "worker": ("seen_at", "started_at", "clock_at"),
    "schedule": ("created_at", "updated_at", "retired_at", "next_at", "last_at"),
    "occurrence": ("due_at", "fired_at"),
    "beat": ("seen_at", "started_at"),
    "audit": ("at",),
}


class Drive:
    """
    One run, moved by hand: a broker that keeps everything and a worker that does what the test says.

    ``out`` holds what was queued, by name and item, with the attempt that its message carries.
    """

    def __init__(self, store: SqlStore, plan: Plan, **new: Any) -> None:
        self.store = store
        self.plan = plan
        self.run_id = str(uuid.uuid4())
        fields = {"payload": {}, "trigger": "cli", "broker": BROKER} | new
        self.created = store.create_run(plan, NewRun(self.run_id, **fields))
        self.out: dict[tuple[str, int], int] = {}
        self.queued(self.created.ready)

    def queued(self, ready: tuple[Ready, ...]) -> None:
        """Put on the broker what a transaction queued."""
        for node in ready:
            self.out[self.plan.dag.names[node.position], node.item] = node.attempt

    def ref(self, name: str, item: int = NODE, attempt: int = 1) -> AttemptRef:
        return AttemptRef(self.run_id, self.plan.dag.positions[name], item, attempt)

    def try_claim(self, name: str, item: int = NODE, *, attempt: int = 1, token: str = "") -> Claim | None:
        ref = self.ref(name, item, attempt)
        return self.store.claim(ref, token=token or uuid.uuid4().hex, worker="w", lease=LEASE)

    def claim(self, name: str, item: int = NODE) -> Claim:
        """Take the message of a node from the broker and claim it."""
        claimed = self.try_claim(name, item, attempt=self.out.pop((name, item)))
        assert claimed is not None
        return claimed

    def record(self, claim: Claim, outcome: Outcome, *, delay: float | None = None) -> Recorded:
        recorded = self.store.record(self.plan, claim, outcome, delay=delay)
        self.queued(recorded.ready)
        return recorded

    def succeed(self, name: str, item: int = NODE, *, result: str = "1") -> Recorded:
        return self.record(self.claim(name, item), Succeeded(result))

    def list(self, name: str, length: int) -> Recorded:
        """End a node with a list of 0, 1, 2 … that is mapped over."""
        return self.record(self.claim(name), Succeeded(None, tuple(str(i) for i in range(length))))

    def fail(self, name: str, item: int = NODE, *, delay: float | None = None) -> Recorded:
        return self.record(self.claim(name, item), failure(), delay=delay)

    def skip(self, name: str, item: int = NODE) -> Recorded:
        return self.record(self.claim(name, item), SkippedByHandler("not today"))

    def postpone(self, name: str, item: int = NODE, *, seconds: float = 5.0) -> Recorded:
        return self.record(self.claim(name, item), Postponed(seconds, "later"))

    def drain(self) -> None:
        """Let everything succeed that is queued, and all that follows."""
        while self.out:
            self.succeed(*next(iter(self.out)))

    @property
    def state(self) -> RunState:
        return self.store.run_state(self.run_id)

    @property
    def names(self) -> list[str]:
        """What is queued, as ``name`` or ``name[item]``, in the order of its queueing."""
        return [name if item == NODE else f"{name}[{item}]" for name, item in self.out]

    def nodes(self) -> list[NodeRecord]:
        return self.store.nodes(self.run_id, limit=100_000)

    def node(self, name: str, item: int | None = None) -> NodeRecord:
        return next(node for node in self.nodes() if (node.name, node.item) == (name, item))

    def states(self) -> dict[str, NodeState]:
        return {node.name: node.state for node in self.nodes() if node.item is None}

    def item_states(self, name: str) -> list[NodeState]:
        return [node.state for node in self.nodes() if node.name == name and node.item is not None]


def failure(message: str = "no luck") -> Failed:
    return Failed(ErrorInfo("ValueError", message, "line 1"))


def shift_times(store: SqlStore, seconds: float) -> None:
    """Let that much time pass, as the rows see it: every stored time moves into the past."""
    for table, columns in _TIMES.items():
        moved = ", ".join(f"{column} = shift({column}, :by)" for column in columns)
        statement = f"UPDATE {tables.PREFIX}{table} SET {moved}"
        store._connections.transact(lambda tx, it=statement: tx.run(it, by=-seconds))


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database of this code's schema, to be copied."""
    path = tmp_path_factory.mktemp("template") / "empty.db"
    with SqlStore(f"sqlite:///{path}"):
        pass
    return path


@pytest.fixture(scope="session")
def postgres_shared(postgres_url: str) -> Iterator[SqlStore]:
    """One store for the session; `store` empties it before each test."""
    engine = create_engine(driver_url(postgres_url))
    upgrade(engine)
    engine.dispose()
    with SqlStore(postgres_url) as store:
        yield store


@pytest.fixture
def postgres(postgres_shared: SqlStore) -> SqlStore:
    """An empty store on PostgreSQL."""
    with postgres_shared._engine.begin() as connection:
        # Faster than TRUNCATE, which makes every table's file anew.
        connection.execute(text("SET LOCAL synchronous_commit = off"))
        for table in ("run", "definition", "worker", "queue", "turn", "schedule", "beat", "audit"):
            connection.execute(text(f"DELETE FROM {tables.PREFIX}{table}"))
    return postgres_shared


@pytest.fixture
def sqlite(sqlite_template: Path, tmp_path: Path) -> Iterator[SqlStore]:
    """An empty store in a file of its own."""
    path = tmp_path / "runs.db"
    shutil.copy(sqlite_template, path)
    with SqlStore(f"sqlite:///{path}") as store:
        yield store


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> SqlStore:
    """An empty store on each of the databases."""
    chosen: SqlStore = request.getfixturevalue("sqlite" if request.param == "sqlite" else "postgres")
    return chosen


@pytest.fixture
def start(store: SqlStore) -> Callable[..., Drive]:
    """Creates a run of a plan and drives it."""
    return lambda plan, **new: Drive(store, plan, **new)


@pytest.fixture
def drive() -> type[Drive]:
    """For a test that needs more than one store."""
    return Drive


@pytest.fixture
def shift() -> Callable[[SqlStore, float], None]:
    """Lets seconds pass in any store."""
    return shift_times


@pytest.fixture
def age(store: SqlStore) -> Callable[[float], None]:
    """Lets seconds pass."""
    return lambda seconds: shift_times(store, seconds)


@pytest.fixture
def run_ids(store: SqlStore) -> Callable[..., list[str]]:
    """The ids that a filter finds."""
    return lambda **wanted: [run.run_id for run in store.runs(RunFilter(**wanted))]
