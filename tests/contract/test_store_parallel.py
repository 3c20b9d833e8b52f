"""Eight workers, each on connections of its own, record dense layers at once."""

from __future__ import annotations

import queue
import random
import threading
import uuid
from collections import Counter
from contextlib import suppress

import pytest

from plans import layers, mapping
from pypeline.errors import NotPossible
from pypeline.runs.outcome import ErrorInfo, Failed, SkippedByHandler, Succeeded
from pypeline.runs.states import Flag, NodeState, RunState
from pypeline.store.records import AttemptRef, NewRun, WorkerBeat

BROKER = "memory://here"
WORKERS = 8


class Crowd:
    """Workers that take messages from one broker until every run has ended."""

    def __init__(self, store, plan, *, runs=1, outcome=lambda attempt: Succeeded("1")):
        self.store = store
        self.plan = plan
        self.outcome = outcome
        self.messages = queue.Queue()
        self.accepted = Counter()
        self.errors = []
        self.run_ids = [self._create() for _ in range(runs)]
        self.done = threading.Event()

    def run(self, *meddlers):
        threads = [threading.Thread(target=self._guarded, args=(self._work,)) for _ in range(WORKERS)]
        meddling = [threading.Thread(target=self._guarded, args=(meddler,)) for meddler in meddlers]
        for thread in (*threads, *meddling):
            thread.start()
        for thread in meddling:
            thread.join()
        self.done.set()
        for thread in threads:
            thread.join()

    def put(self, run_id, ready):
        for node in ready:
            self.messages.put(AttemptRef(run_id, node.position, node.item, node.attempt))

    def ended(self):
        return all(self.store.run_state(run_id).is_terminal for run_id in self.run_ids)

    def _create(self):
        run_id = str(uuid.uuid4())
        self.put(run_id, self.store.create_run(self.plan, NewRun(run_id, {}, "cli", BROKER)).ready)
        return run_id

    def _guarded(self, work):
        try:
            work()
        except Exception as error:  # noqa: BLE001 - whatever reaches a caller fails the test
            self.errors.append(error)

    def _work(self):
        while not (self.errors or (self.done.is_set() and self.ended())):
            try:
                self._attempt(self.messages.get(timeout=0.02))
            except queue.Empty:
                self._sweep()

    def _attempt(self, ref):
        worker = threading.current_thread().name
        claim = self.store.claim(ref, token=uuid.uuid4().hex, worker=worker, lease=30)
        if claim is None:
            return
        self.store.beat(WorkerBeat(worker, BROKER, ("q",)), [ref], lease=30)
        outcome = self.outcome(ref)
        delay = 0.0 if isinstance(outcome, Failed) and not outcome.final else None
        recorded = self.store.record(self.plan, claim, outcome, delay=delay)
        if recorded.accepted:
            self.accepted[ref] += 1
        self.put(ref.run_id, recorded.ready)

    def _sweep(self):
        for resent in self.store.queue_due(BROKER, limit=100):
            self.put(resent.run_id, resent.ready)
        for run_id in self.store.with_room(BROKER, limit=100):
            self.put(run_id, self.store.admit(run_id))
        for run_id in self.store.flagged(BROKER, limit=100):
            self.store.cancel(self.plan, run_id, Flag.CANCEL)


@pytest.fixture
def repeats(store, monkeypatch):
    """The errors for which a transaction was begun again."""
    found = []
    may_repeat = store._dialect.may_repeat

    def noting(error):
        repeated = may_repeat(error)
        found.extend([error] * repeated)
        return repeated

    monkeypatch.setattr(store._dialect, "may_repeat", noting)
    return found


def failing_at_first(ref):
    """Every seventh node fails in its first attempt."""
    fails = ref.attempt == 1 and ref.position % 7 == 0
    return Failed(ErrorInfo("E", "m")) if fails else Succeeded("1")


def test_dense_layers_end_with_each_node_recorded_once_and_no_deadlock(store, repeats):
    crowd = Crowd(store, layers(20, 20), outcome=failing_at_first)

    crowd.run()

    assert crowd.errors == []
    assert repeats == []
    assert set(crowd.accepted.values()) == {1}
    assert len(crowd.accepted) == 400 + 58
    assert store.run(crowd.run_ids[0]).counts[NodeState.SUCCESS] == 400
    assert store.run_state(crowd.run_ids[0]) is RunState.SUCCESS


@pytest.mark.parametrize("plan", [layers(6, 12), layers(6, 12, max_concurrency=6), mapping(window=10)])
def test_cancels_and_retries_in_between_reach_no_caller_as_an_error(store, plan):
    def outcome(ref):
        if plan.steps[ref.position].name == "list":
            return Succeeded(None, tuple(str(i) for i in range(60)))
        chance = random.Random(hash((ref.position, ref.item, ref.attempt)))
        fails = chance.choice([True] + [False] * 30)
        return Failed(ErrorInfo("E", "m"), final=chance.choice([True, False])) if fails else Succeeded("1")

    crowd = Crowd(store, plan, runs=4, outcome=outcome)

    def cancel_and_retry():
        for run_id in crowd.run_ids * 3:
            store.cancel(plan, run_id, Flag.CANCEL)
            while not store.run_state(run_id).is_terminal:
                crowd.done.wait(0.01)
            with suppress(NotPossible):  # it succeeded, or the other operator was faster
                crowd.put(run_id, store.reset(plan, run_id, from_position=None, broker=BROKER))

    crowd.run(cancel_and_retry, cancel_and_retry_elsewhere(crowd))

    assert crowd.errors == []
    assert set(crowd.accepted.values()) == {1}
    for run_id in crowd.run_ids:
        counts = {state for state, number in store.run(run_id).counts.items() if number}
        assert all(state.is_terminal for state in counts)


def cancel_and_retry_elsewhere(crowd):
    """A second operator, who asks for the same at the same time and is refused at times."""

    def meddle():
        for run_id in crowd.run_ids:
            try:
                ready = crowd.store.reset(crowd.plan, run_id, from_position=0, broker=BROKER)
            except NotPossible:
                crowd.store.cancel(crowd.plan, run_id, Flag.CANCEL)
            else:
                crowd.put(run_id, ready)

    return meddle


def test_skips_that_reach_far_and_records_beside_them_do_not_block_each_other(store):
    def outcome(ref):
        return SkippedByHandler("r") if ref.position % 9 == 4 else Succeeded("1")

    crowd = Crowd(store, layers(8, 12), runs=3, outcome=outcome)

    crowd.run()

    assert crowd.errors == []
    assert set(crowd.accepted.values()) == {1}
    assert [store.run_state(run_id) for run_id in crowd.run_ids] == [RunState.SUCCESS] * 3
