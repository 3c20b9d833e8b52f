"""An engine in memory, and what surrounds it, for tests of the Celery side."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pypeline.engine import Work
from pypeline.engine.dispatcher import Message
from pypeline.graph import Dag
from pypeline.runs.outcome import Succeeded
from pypeline.runs.plan import Plan, Step
from pypeline.store.records import AttemptRef, Claim, Recorded, RunContext

if TYPE_CHECKING:
    from collections.abc import Callable

    from pypeline.runs.outcome import Outcome

HANDLER = "demo.tasks.clean"
QUEUE = "demo"


def a_ref(item: int = -1, *, attempt: int = 1, run_id: str = "run") -> AttemptRef:
    return AttemptRef(run_id, 0, item, attempt)


def a_message(
    ref: AttemptRef | None = None,
    *,
    handler: str = HANDLER,
    queue: str = QUEUE,
) -> Message:
    return Message(ref or a_ref(), handler, queue)


def a_work(ref: AttemptRef | None = None, *, handler: str = HANDLER, max_ttl: float | None = None) -> Work:
    step = Step("clean", (handler,), QUEUE, max_ttl=max_ttl)
    plan = Plan("demo", "hash", {}, Dag.from_adjacency({"clean": []}), (step,))
    claim = Claim(ref or a_ref(), "token", 0, datetime.now(UTC))
    return Work(claim, RunContext(claim.ref.run_id, "demo", "hash", {}, {}), plan)


@dataclass
class FakeEngine:
    """
    Claims each attempt once and keeps what is recorded. ``on_claim`` and ``on_record`` may raise.

    Its attempts are of ``handler`` and may last ``max_ttl`` seconds.
    """

    handler: str = HANDLER
    max_ttl: float | None = None

    on_claim: Callable[[AttemptRef], None] = lambda _: None
    on_record: Callable[[Work, Outcome], None] = lambda *_: None
    claimed: set[AttemptRef] = field(default_factory=set)
    tokens: dict[AttemptRef, str | None] = field(default_factory=dict)
    let_go: Callable[[AttemptRef], None] = lambda _: None
    recorded: list[tuple[AttemptRef, Outcome]] = field(default_factory=list)
    given_back: list[AttemptRef] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._change = threading.Condition()

    def claim(self, ref: AttemptRef, *, token: str | None = None) -> Work | None:
        self.on_claim(ref)
        with self._change:
            if ref in self.claimed and self.tokens.get(ref) != token:
                return None
            self.claimed.add(ref)
            self.tokens[ref] = token
        return a_work(ref, handler=self.handler, max_ttl=self.max_ttl)

    def record(self, work: Work, outcome: Outcome) -> Recorded:
        self.on_record(work, outcome)
        with self._change:
            self.recorded.append((work.claim.ref, outcome))
            self._change.notify_all()
        return Recorded(accepted=True)

    def give_back(self, work: Work) -> None:
        self.given_back.append(work.claim.ref)

    def wait_for(self, count: int, timeout: float = 30.0) -> None:
        """Return once so many outcomes are recorded; fail if that takes too long."""
        with self._change:
            assert self._change.wait_for(lambda: len(self.recorded) >= count, timeout), (
                f"{len(self.recorded)} of {count} outcomes after {timeout} s"
            )


def succeed(_: Work) -> Outcome:
    """An `Execute` that calls nothing."""
    return Succeeded("null")


def our_threads() -> set[threading.Thread]:
    """The threads that the package began in this process and that have not ended."""
    return {thread for thread in threading.enumerate() if thread.name.startswith("pypeline-")}


def wait_until(condition: Callable[[], bool], timeout: float = 30.0) -> None:
    """Return once the condition holds; fail if that takes too long."""
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, f"still not so after {timeout} s"
        time.sleep(0.002)
