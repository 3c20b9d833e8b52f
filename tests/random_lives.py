"""Random lives of a run in a store, and whether its version tells all that is shown of it apart."""

from __future__ import annotations

import random

from pypeline.errors import NotPossible
from pypeline.runs.outcome import ErrorInfo, Failed, SkippedByHandler, Succeeded
from pypeline.runs.states import Flag, NodeState
from pypeline.store.records import AttemptRef, Progress, ProgressReport

PACE = {"margin": 5.0, "grace": 30.0}


def watch(run, age, seed, *, steps):
    """Let a run live, and hold each version against all that was shown under it; answers what was shown."""
    life, shown_under = Life(run, age, seed), {}
    for _ in range(steps):
        text = run.store.run_version(run.run_id).text
        document = shown(run)
        assert shown_under.setdefault(text, document) == document
        life.step()
    return list(shown_under.values())


def shown(run):
    """All that is shown of a run, but for who listens."""
    store, run_id = run.store, run.run_id
    nodes = run.nodes()
    parts = [
        list(store.elements(run_id, node.position))
        for node in nodes
        if node.item is None and node.state in (NodeState.SUCCESS, NodeState.FAILED)
    ]
    return repr((store.run(run_id), nodes, store.attempts(run_id), parts))


class Life:
    """Random moves of one run, on a broker of its own; ``age(seconds)`` lets time pass."""

    def __init__(self, run, age, seed):
        self.run, self.store, self.age = run, run.store, age
        self.broker = run.store.run(run.run_id).broker
        self.random = random.Random(seed)
        self.held = []
        self.steps = (
            *(self.claim,) * 5,
            *(self.record,) * 5,
            *(self.report,) * 3,
            self.give_back,
            self.lose,
            self.sweep,
            self.sweep,
            self.cancel,
            self.take_over,
            *(self.open_again,) * 3,
        )

    def step(self):
        self.random.choice(self.steps)()

    def claim(self):
        if self.run.out:
            key = self.random.choice(sorted(self.run.out))
            claim = self.run.try_claim(*key, attempt=self.run.out.pop(key))
            self.held += [claim] if claim else []

    def taken(self):
        return self.held.pop(self.random.randrange(len(self.held))) if self.held else None

    def record(self):
        if claim := self.taken():
            length = self.random.randrange(4)
            is_list = claim.ref.position in self.run.plan.map_sources
            parts = tuple(map(str, range(length))) if is_list else None
            ended = Succeeded(None if is_list else str(length), parts)
            outcome = self.random.choice([ended, ended, ended, self.failed, SkippedByHandler("no")])
            self.run.record(claim, outcome, delay=self.random.choice([None, 0.0, 9.0]))

    @property
    def failed(self):
        return Failed(ErrorInfo("E", self.random.choice(["a", "b"])))

    def report(self):
        node = self.random.choice(self.run.nodes())
        attempt = max(1, node.attempt - self.random.randrange(2))
        ref = AttemptRef(self.run.run_id, *node.place, attempt)
        total = self.random.choice([None, 2.0])
        self.store.progress.note([ProgressReport(ref, Progress(float(self.random.randrange(3)), total))])

    def give_back(self):
        if (claim := self.taken()) and (ready := self.store.give_back(claim)):
            self.run.queued((ready,))

    def lose(self):
        self.age(60)
        for claim, _ in self.store.lapsed(self.broker, limit=1):
            delay = self.random.choice([None, 0.0])
            self.run.queued(self.store.lose(self.run.plan, claim, delay=delay, error=self.failed.error).ready)

    def sweep(self):
        self.age(self.random.choice([0, 10, 60]))
        resent = self.store.queue_due(self.broker, limit=9)
        resent += self.store.requeue_unclaimed(self.broker, **PACE, limit=9)
        for found in resent:
            self.run.queued(found.ready)
        self.run.queued(self.store.admit(self.run.run_id))

    def cancel(self):
        if self.random.random() < 0.3:
            self.store.cancel(self.run.plan, self.run.run_id, Flag.CANCEL)

    def take_over(self):
        elsewhere = f"{self.broker}/elsewhere"
        for owner, broker in ((self.broker, elsewhere), (elsewhere, self.broker)):
            if not self.run.state.is_terminal:
                ready = self.store.take_over(self.run.plan, self.run.run_id, owner=owner, broker=broker)
                self.run.queued(ready)

    def open_again(self):
        start = self.random.choice([None, *range(len(self.run.plan.dag))])
        try:
            ready = self.store.reset(self.run.plan, self.run.run_id, from_position=start, broker=self.broker)
        except NotPossible:
            return
        self.run.queued(ready)
